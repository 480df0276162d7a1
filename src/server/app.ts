/**
 * The HTTP interface, in the form that OpenAI's clients speak.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, Hono, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { BlankEnv } from "hono/types";
import project from "../../deno.json" with { type: "json" };
import type { Runtime } from "../runtime.ts";
import { chatCompletions } from "./chat_completions.ts";
import { completions } from "./completions.ts";
import type { ServerContext } from "./context.ts";
import { ApiError, errorResponse, shuttingDown, toApiError } from "./errors.ts";
import type { Endpoint } from "./endpoint.ts";
import { health } from "./health.ts";
import { listModels, showModel } from "./models.ts";
import { authorize } from "./operation/access.ts";
import { KeyFile } from "./operation/key_file.ts";
import { SESSION_ENDPOINTS } from "./sessions/endpoints.ts";

/** Options of {@linkcode createServer}. */
export interface ServerOptions {
  /** Largest body of a request in bytes (default 4 MiB); that of a snapshot may be larger. */
  readonly maxBodyBytes?: number;
  /** A file that `contrail keys` writes: who has no key of it is turned away. */
  readonly keys?: string;
  /** Once aborted, running requests end and new ones are answered with 503. */
  readonly signal?: AbortSignal;
  /** Gets one line for each request, and one for each failure of the server's own. */
  readonly log?: (line: string) => void;
}

const ENDPOINTS: readonly Endpoint[] = [
  health,
  listModels,
  showModel,
  chatCompletions,
  completions,
  ...SESSION_ENDPOINTS,
];

/** Status for the log when the client has gone before its answer. */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * A Hono app with the routes that OpenAI's clients use; `GET /openapi.json` describes them all.
 * Serve its `fetch`, or mount it in another app with `route`. Closing the runtime stays with the
 * caller.
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
  const keys = options.keys === undefined ? undefined : new KeyFile(options.keys);
  const created = Math.floor(Date.now() / 1000);
  const server: ServerContext = { runtime, created, shutdown: signal, log };
  const app = new OpenAPIHono<BlankEnv>();
  app.use(logRequests(log));
  app.use(async (_, next) => {
    if (signal?.aborted) throw shuttingDown();
    await next();
  });
  addEndpoints(app, server, { maxBodyBytes, keys });
  app.doc31("/openapi.json", describe);
  app.all("/openapi.json", only("GET, HEAD"));
  app.notFound((c) => errorResponse(c, unknownRoute(c)));
  app.onError((error, c) => {
    const left = c.req.raw.signal.aborted && !(error instanceof ApiError);
    if (left) return new Response(null, { status: CLIENT_CLOSED_REQUEST });
    return errorResponse(c, toApiError(error, `${c.req.method} ${c.req.path}`, server));
  });
  return app;
}

/** Adds all endpoints, and refuses the methods that their paths do not take. */
function addEndpoints(
  app: OpenAPIHono<BlankEnv>,
  server: ServerContext,
  { maxBodyBytes, keys }: { maxBodyBytes: number; keys: KeyFile | undefined },
): void {
  const methods = new Map<string, string[]>();
  for (const { route, scope, answer, maxBodyBytes: own } of ENDPOINTS) {
    const maxSize = own?.(server) ?? maxBodyBytes;
    const path = route.getRoutingPath();
    const method = route.method.toUpperCase();
    app.openAPIRegistry.registerPath(route);
    app.on(
      method,
      path,
      async (c, next) => {
        if (keys && scope !== "none") await authorize(c, keys, scope);
        await next();
      },
      bodyLimit({ maxSize, onError: () => tooLarge(maxSize) }),
      (c) => answer(c, server),
    );
    const taken = method === "GET" ? ["GET", "HEAD"] : [method];
    methods.set(path, [...methods.get(path) ?? [], ...taken]);
  }
  for (const [path, taken] of methods) app.all(path, only(taken.join(", ")));
}

/** What the description of all routes begins with. */
function describe(c: Context) {
  const mountedAt = c.req.path.replace(/\/openapi\.json$/, "");
  return {
    openapi: "3.1.0",
    info: { title: "Contrail", version: project.version },
    servers: [{ url: mountedAt || "/" }],
  };
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
