/**
 * Serves a model until the process is told to end.
 *
 * @module
 */
import type { Runtime } from "../runtime.ts";
import { createServer, type ServerOptions } from "./app.ts";

/** Options of {@linkcode serve}. */
export interface ServeOptions extends ServerOptions {
  /** Address to listen on (default 127.0.0.1: this machine only). */
  readonly hostname?: string;
  /** Port to listen on (default 8000); 0 takes a free one. */
  readonly port?: number;
  /** Ends the server, as SIGINT and SIGTERM do. */
  readonly signal?: AbortSignal;
  /** Milliseconds that running requests have to finish once the server ends (default 5000). */
  readonly grace?: number;
}

/** How long aborted requests may take to tell their clients. */
const FAREWELL_MS = 1000;

/**
 * Listens, and answers requests until SIGINT, SIGTERM or the signal. Then no more are taken; those
 * that run may finish within the grace time, which a second SIGINT or SIGTERM cuts short. Closes
 * the runtime at its end.
 */
export async function serve(runtime: Runtime, options: ServeOptions = {}): Promise<void> {
  const { hostname = "127.0.0.1", port = 8000, signal, grace = 5000, ...rest } = options;
  const { log = console.log } = rest;
  const aborting = new AbortController();
  const app = createServer(runtime, { ...rest, log, signal: aborting.signal });
  using stops = new StopRequests(signal);
  const server = listen(hostname, port, app.fetch);
  log(`Listening on http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${server.port}`);
  await stops.next();
  log("Ending: requests that run may finish; the signal again ends them at once");
  const drained = server.shutdown();
  await within(grace, Promise.race([drained, stops.next()]));
  aborting.abort(new Error("The server is shutting down"));
  await within(FAREWELL_MS, drained);
  await runtime.close();
}

interface Listener {
  readonly port: number;
  /** Takes no more connections; resolves when all requests have been answered. */
  shutdown(): Promise<void>;
}

function listen(
  hostname: string,
  port: number,
  handler: (request: Request) => Response | Promise<Response>,
): Listener {
  try {
    const server = Deno.serve({ hostname, port, onListen: () => {} }, handler);
    return { port: server.addr.port, shutdown: () => server.shutdown() };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const inUse = error instanceof Deno.errors.AddrInUse;
    const reason = inUse ? "the port is in use; choose another" : (error as Error).message;
    throw new Error(`Cannot listen on ${hostname}:${port}: ${reason}`, { cause: error });
  }
}

/** Counts what asks the server to end: SIGINT, SIGTERM, and the caller's signal. */
class StopRequests implements Disposable {
  readonly #signal: AbortSignal | undefined;
  readonly #heard = () => this.#next.resolve();
  #next = Promise.withResolvers<void>();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    Deno.addSignalListener("SIGINT", this.#heard);
    Deno.addSignalListener("SIGTERM", this.#heard);
    signal?.addEventListener("abort", this.#heard, { once: true });
    if (signal?.aborted) this.#heard();
  }

  /** Resolves at the next request to end. */
  async next(): Promise<void> {
    await this.#next.promise;
    this.#next = Promise.withResolvers<void>();
  }

  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.#heard);
    Deno.removeSignalListener("SIGTERM", this.#heard);
    this.#signal?.removeEventListener("abort", this.#heard);
  }
}

/** Waits for `done`, but not longer than so many milliseconds. */
async function within(milliseconds: number, done: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([done, late]);
  clearTimeout(timer);
}
