/**
 * Errors as OpenAI clients expect them: a status, and `{ error: { message, type, param, code } }`.
 *
 * @module
 */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { SessionError } from "../session_error.ts";
import type { ServerContext } from "./context.ts";

/** What an {@linkcode ApiError} can say besides its message. */
export interface ApiErrorDetails {
  /** The parameter that is wrong. */
  readonly param?: string;
  /** A word for programs, such as `model_not_found`. */
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A failure that the client is told about. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: ContentfulStatusCode;
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: ContentfulStatusCode, message: string, details: ApiErrorDetails = {}) {
    super(message);
    this.status = status;
    this.param = details.param ?? null;
    this.code = details.code ?? null;
    this.headers = details.headers ?? {};
  }

  /** The body of the response. */
  toJSON(): {
    error: { message: string; type: string; param: string | null; code: string | null };
  } {
    const { message, param, code } = this;
    return { error: { message, type: errorType(this.status), param, code } };
  }
}

/**
 * The error to show for whatever the request `what` has thrown: an {@linkcode ApiError} as it is,
 * anything else as 500 without details, which go into the log.
 */
export function toApiError(
  error: unknown,
  what: string,
  server: Pick<ServerContext, "shutdown" | "log">,
): ApiError {
  if (error instanceof ApiError) return error;
  if (server.shutdown?.aborted) return shuttingDown();
  if (error instanceof SessionError && error.reason === "full") return queueFull();
  if (error instanceof SessionError && error.reason === "refused") {
    return new ApiError(400, error.message);
  }
  server.log(`${what} failed: ${error instanceof Error ? error.message : error}`);
  return new ApiError(500, "The server failed to answer this request; its log says why", {
    code: "internal_error",
  });
}

/** The error for requests that come, or still run, while the server goes down. */
export function shuttingDown(): ApiError {
  return new ApiError(503, "The server is shutting down; try again later", {
    code: "shutting_down",
    headers: { "Retry-After": "5" },
  });
}

/** The error for a request that finds too many waiting. */
function queueFull(): ApiError {
  return new ApiError(429, "Too many requests wait for a session; try again later", {
    code: "queue_full",
    headers: { "Retry-After": "1" },
  });
}

function errorType(status: number): string {
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

/** Runs `check`; what it refuses with a `TypeError` or `RangeError` becomes a 400. */
export function refuse<T>(check: () => T, details: ApiErrorDetails = {}): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new ApiError(400, error.message, details);
    }
    throw error;
  }
}

/** The response that tells `error`. */
export function errorResponse(c: Context, error: ApiError): Response {
  return c.json(error.toJSON(), error.status, { ...error.headers });
}
