/**
 * Serves a model until the process is told to end.
 *
 * @module
 */
import type { Runtime } from "../runtime.ts";
import { createServer, type ServerOptions } from "./app.ts";
import { type Handler, Listener } from "./operation/listener.ts";
import { loadingServer } from "./operation/loading.ts";
import { type LogEntry, writeEntry } from "./operation/log.ts";
import { StopRequests } from "./operation/stop_requests.ts";

/** Options of {@linkcode serve}. */
export interface ServeOptions extends Omit<ServerOptions, "draining"> {
  /** Address to listen on (default 127.0.0.1: this machine only). */
  readonly hostname?: string;
  /** Port to listen on (default 8000); 0 takes a free one. */
  readonly port?: number;
  /** Ends the server, as SIGINT and SIGTERM do. */
  readonly signal?: AbortSignal;
  /** Milliseconds that running requests have to finish once the server ends (default 30000). */
  readonly grace?: number;
  /** Called with the address once the model answers there. */
  readonly ready?: (url: string) => void;
  /** Gets the entries of the log (default: JSON lines on standard error). */
  readonly log?: (entry: LogEntry) => void;
}

const GRACE_MS = 30_000;
/** How long aborted requests may take to tell their clients. */
const FAREWELL_MS = 1000;

/**
 * Listens, loads the model, and answers requests until SIGINT, SIGTERM or the signal. Then new ones
 * are refused; those that run may finish within the grace time, which a second SIGINT or SIGTERM
 * cuts short. Closes the runtime at its end, so that sessions with a name are in the store.
 */
export async function serve(load: () => Promise<Runtime>, options: ServeOptions = {}) {
  const { hostname = "127.0.0.1", port = 8000, signal, log = writeEntry } = options;
  using stops = new StopRequests(signal);
  let handler: Handler = loadingServer().fetch;
  await using listener = new Listener(hostname, port, (request, info) => handler(request, info));
  const { url } = listener;
  log({ level: "info", event: "listening", url });
  const runtime = await loaded(load, stops.next());
  if (runtime) {
    const [draining, ending] = [new AbortController(), new AbortController()];
    const signals = { draining: draining.signal, signal: ending.signal };
    handler = createServer(runtime, { ...options, log, ...signals }).fetch;
    log({ level: "info", event: "ready", url, model: runtime.name });
    options.ready?.(url);
    await stops.next();
    log({ level: "info", event: "draining", requests: listener.running });
    draining.abort();
    await within(options.grace ?? GRACE_MS, Promise.race([listener.settled(), stops.next()]));
    ending.abort(new Error("The server is shutting down"));
    await within(FAREWELL_MS, listener.shutdown());
    await runtime.close();
  }
  log({ level: "info", event: "stopped" });
}

/** The loaded model, unless the server is to end before. */
async function loaded(
  load: () => Promise<Runtime>,
  stop: Promise<void>,
): Promise<Runtime | undefined> {
  const loading = load();
  const runtime = await Promise.race([loading, stop]);
  // What is being loaded cannot be stopped; it is closed when it is there.
  if (!runtime) loading.then((late) => late.close(), () => {});
  return runtime ?? undefined;
}

/** Waits for `done`, but not longer than so many milliseconds. */
async function within(milliseconds: number, done: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([done, late]);
  clearTimeout(timer);
}
