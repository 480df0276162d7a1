/**
 * The HTTP interface, in the form that OpenAI's clients speak.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, Hono, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import project from "../../deno.json" with { type: "json" };
import type { Runtime } from "../runtime.ts";
import { chatCompletions } from "./chat_completions.ts";
import { completions } from "./completions.ts";
import type { ServerContext } from "./context.ts";
import { ApiError, errorResponse, toApiError } from "./errors.ts";
import type { Endpoint } from "./endpoint.ts";
import { health, ready } from "./health.ts";
import { listModels, showModel } from "./models.ts";
import { Gate } from "./operation/gate.ts";
import { type LogEntry, refusalTeller, requestEntry } from "./operation/log.ts";
import { ServerMetrics } from "./operation/metrics.ts";
import { metrics as metricsRoute } from "./operation/metrics_route.ts";
import { type RecordEnv, recordRequests, type RequestRecord } from "./operation/record.ts";
import { ResumableStreams } from "./operation/resume.ts";
import { addPages } from "./page/routes.ts";
import { RESPONSE_ENDPOINTS } from "./responses/endpoints.ts";
import { KeptResponses } from "./responses/kept.ts";
import { SESSION_ENDPOINTS } from "./sessions/endpoints.ts";
import { applyTemplate, detokenize, tokenize } from "./tokenization.ts";

/** Options of {@linkcode createServer}. */
export interface ServerOptions {
  /** Largest body of a request in bytes (default 4 MiB); that of a snapshot may be larger. */
  readonly maxBodyBytes?: number;
  /** Milliseconds that a client may take to send or read on (default 60000; Infinity: any). */
  readonly idleTimeout?: number;
  /** Milliseconds that a resumable stream waits for its client (default 30000; 0: not at all). */
  readonly resumeWindow?: number;
  /** Origins, such as `https://example.com`, whose pages may ask; `*` lets all. */
  readonly cors?: readonly string[];
  /** Requests that each key may send a minute; without keys, all clients together. */
  readonly requestsPerMinute?: number;
  /** Most tokens of one answer, whatever the request asks for (default: as many as it does). */
  readonly maxTokens?: number;
  /** Sessions that each key may have in the store; without keys, all clients together. */
  readonly sessionsPerKey?: number;
  /** A file that `contrail keys` writes: who has no key of it is turned away. */
  readonly keys?: string;
  /** Once aborted, new requests are answered with 503, and running ones go on. */
  readonly draining?: AbortSignal;
  /** Once aborted, running requests end and new ones are answered with 503. */
  readonly signal?: AbortSignal;
  /** Gets an entry for each request, once it is answered, and for each failure of the server's. */
  readonly log?: (entry: LogEntry) => void;
  /** Whether entries of requests tell what was asked, prompts included. */
  readonly logPrompts?: boolean;
}

const MAX_BODY_BYTES = 4 * 2 ** 20;
const IDLE_MS = 60_000;
const RESUME_MS = 30_000;

const ENDPOINTS: readonly Endpoint[] = [
  health,
  ready,
  metricsRoute,
  listModels,
  showModel,
  chatCompletions,
  completions,
  ...RESPONSE_ENDPOINTS,
  tokenize,
  detokenize,
  applyTemplate,
  ...SESSION_ENDPOINTS,
];

/** Status for the log when the client has gone before its answer. */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * A Hono app with the routes that OpenAI's clients use; `GET /openapi.json` describes them all, and
 * `GET /` is a page to talk to the model. Serve its `fetch`, or mount it in another app with
 * `route`. Closing the runtime stays with the caller.
 *
 * @example
 * ```ts
 * import { createServer, Runtime } from "@contrail/contrail";
 * import { Hono } from "hono";
 *
 * await using runtime = await Runtime.load("models/fable");
 * const app = new Hono();
 * app.route("/llm", createServer(runtime));
 * await using server = Deno.serve({ hostname: "127.0.0.1", port: 0 }, app.fetch);
 * const response = await fetch(`http://127.0.0.1:${server.addr.port}/llm/v1/models`);
 * console.log(await response.json());
 * ```
 */
export function createServer(runtime: Runtime, options: ServerOptions = {}): Hono {
  const { maxBodyBytes = MAX_BODY_BYTES, idleTimeout = IDLE_MS, signal, log = () => {} } = options;
  const draining = AbortSignal.any([options.draining, signal].filter((one) => one !== undefined));
  const gate = new Gate({
    draining,
    keys: options.keys,
    requestsPerMinute: options.requestsPerMinute,
    idleTimeout,
  });
  const created = Math.floor(Date.now() / 1000);
  const metrics = new ServerMetrics(runtime);
  const server = {
    runtime,
    metrics,
    created,
    draining,
    shutdown: signal,
    log: (message: string) => log({ level: "error", event: "failure", message }),
    responses: new KeptResponses(runtime),
    maxTokens: options.maxTokens,
    sessionsPerKey: options.sessionsPerKey,
  };
  const app = new OpenAPIHono<RecordEnv>();
  const tellRefusal = refusalTeller(runtime, log);
  const ended = (record: RequestRecord) => {
    log(requestEntry(record, options.logPrompts ?? false));
    tellRefusal();
  };
  app.use(recordRequests({ metrics, idleTimeout, ended }));
  if (options.cors?.length) app.use(allowOrigins(options.cors));
  const streams = new ResumableStreams(options.resumeWindow ?? RESUME_MS);
  signal?.addEventListener("abort", () => streams.close(), { once: true });
  addEndpoints(app, server, { maxBodyBytes, gate, streams });
  app.doc31("/openapi.json", describe);
  for (const path of ["/openapi.json", ...addPages(app)]) app.all(path, only("GET, HEAD"));
  app.notFound((c) => errorResponse(c, unknownRoute(c)));
  app.onError((error, c) => {
    const left = c.req.raw.signal.aborted && !(error instanceof ApiError);
    if (left) return new Response(null, { status: CLIENT_CLOSED_REQUEST });
    return errorResponse(c, toApiError(error, `${c.req.method} ${c.req.path}`, server));
  });
  // Its variables are its own.
  return app as unknown as Hono;
}

/** Adds all endpoints, and refuses the methods that their paths do not take. */
function addEndpoints(
  app: OpenAPIHono<RecordEnv>,
  server: Omit<ServerContext, "record">,
  { maxBodyBytes, gate, streams }: {
    maxBodyBytes: number;
    gate: Gate;
    streams: ResumableStreams;
  },
): void {
  const methods = new Map<string, string[]>();
  for (const { route, scope, answer, maxBodyBytes: own } of ENDPOINTS) {
    const maxSize = own?.(server.runtime) ?? maxBodyBytes;
    const path = route.getRoutingPath();
    const method = route.method.toUpperCase();
    app.openAPIRegistry.registerPath(route);
    app.on(
      method,
      path,
      async (c, next) => {
        c.get("record").route = route.path;
        await next();
      },
      gate.before(scope),
      streams.middleware(),
      bodyLimit({ maxSize, onError: () => tooLarge(maxSize) }),
      (c) => answer(c, { ...server, record: c.get("record") }),
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

/** Lets pages of these origins ask and read the answers. */
function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: origins.includes("*") ? "*" : [...origins],
    allowMethods: ["GET", "HEAD", "POST", "PUT", "DELETE"],
    // Any header: OpenAI's client adds many of its own, such as `X-Stainless-Lang`.
    exposeHeaders: ["Retry-After", "Session-Position", "Session-Bytes", "Session-Exact"],
    maxAge: 600,
  });
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
