/**
 * The HTTP interface, in the form that OpenAI's clients speak.
 *
 * @module
 */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { Runtime } from "../runtime.ts";
import { chatCompletions } from "./chat_completions.ts";
import { completions } from "./completions.ts";
import type { ServerContext } from "./context.ts";
import { ApiError, errorResponse, shuttingDown, toApiError } from "./errors.ts";
import { health } from "./health.ts";
import { listModels, showModel } from "./models.ts";

/** Options of {@linkcode createServer}. */
export interface ServerOptions {
  /** Largest body of a request in bytes (default 4 MiB). */
  readonly maxBodyBytes?: number;
  /** Once aborted, running requests end and new ones are answered with 503. */
  readonly signal?: AbortSignal;
  /** Gets one line for each request, and one for each failure of the server's own. */
  readonly log?: (line: string) => void;
}

/** Status for the log when the client has gone before its answer. */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * A Hono app with `POST /v1/chat/completions`, `POST /v1/completions`, `GET /v1/models` and `GET
 * /health`. Serve its `fetch`, or mount it in another app with `route`. Closing the runtime stays
 * with the caller.
 *
 * @example
 * ```ts ignore
 * const runtime = await Runtime.load("models/fable");
 * const app = new Hono();
 * app.route("/llm", createServer(runtime));
 * Deno.serve(app.fetch);
 * ```
 */
export function createServer(runtime: Runtime, options: ServerOptions = {}): Hono {
  const { maxBodyBytes = 4 * 1024 * 1024, signal, log = () => {} } = options;
  const created = Math.floor(Date.now() / 1000);
  const server: ServerContext = { runtime, created, shutdown: signal, log };
  const app = new Hono();
  app.use(logRequests(log));
  app.use(async (_, next) => {
    if (signal?.aborted) throw shuttingDown();
    await next();
  });
  app.use(bodyLimit({ maxSize: maxBodyBytes, onError: () => tooLarge(maxBodyBytes) }));
  app.get("/health", health);
  app.get("/v1/models", (c) => listModels(c, server));
  app.get("/v1/models/:id", (c) => showModel(c, server));
  app.post("/v1/chat/completions", (c) => chatCompletions(c, server));
  app.post("/v1/completions", (c) => completions(c, server));
  for (const path of ["/health", "/v1/models", "/v1/models/:id"]) app.all(path, only("GET, HEAD"));
  for (const path of ["/v1/chat/completions", "/v1/completions"]) app.all(path, only("POST"));
  app.notFound((c) => errorResponse(c, unknownRoute(c)));
  app.onError((error, c) => {
    const left = c.req.raw.signal.aborted && !(error instanceof ApiError);
    if (left) return new Response(null, { status: CLIENT_CLOSED_REQUEST });
    return errorResponse(c, toApiError(error, `${c.req.method} ${c.req.path}`, server));
  });
  return app;
}

/** Logs method, path, status, and the milliseconds until the answer, or its stream, began. */
function logRequests(log: (line: string) => void): MiddlewareHandler {
  return async (c, next) => {
    const start = performance.now();
    await next();
    const milliseconds = Math.round(performance.now() - start);
    log(`${c.req.method} ${c.req.path} ${c.res.status} ${milliseconds} ms`);
  };
}

function only(methods: string): (c: Context) => never {
  return (c) => {
    throw new ApiError(405, `${c.req.path} does not take ${c.req.method}: use ${methods}`, {
      code: "method_not_allowed",
      headers: { Allow: methods },
    });
  };
}

function unknownRoute(c: Context): ApiError {
  const message = `There is no ${c.req.method} ${c.req.path} on this server`;
  return new ApiError(404, message, { code: "unknown_route" });
}

function tooLarge(maxBodyBytes: number): never {
  throw new ApiError(413, `The body is larger than ${maxBodyBytes} bytes: send less`, {
    code: "body_too_large",
  });
}
