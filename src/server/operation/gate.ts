/**
 * What a request must pass before a route answers it.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { authorize } from "./access.ts";
import type { Scope } from "./api_keys.ts";
import { timelyRequest } from "./idle.ts";
import { KeyFile } from "./key_file.ts";
import { RateLimit } from "./rate_limit.ts";

/** Options of {@linkcode Gate}, those of the server. */
export interface GateOptions {
  readonly keys: string | undefined;
  readonly requestsPerMinute: number | undefined;
  readonly idleTimeout: number;
}

/** Asks for a key, counts requests, and wants their bodies to come. */
export class Gate {
  readonly #keys: KeyFile | undefined;
  readonly #limit: RateLimit | undefined;
  readonly #idleTimeout: number;

  constructor({ keys, requestsPerMinute, idleTimeout }: GateOptions) {
    this.#keys = keys === undefined ? undefined : new KeyFile(keys);
    this.#limit = requestsPerMinute === undefined ? undefined : new RateLimit(requestsPerMinute);
    this.#idleTimeout = idleTimeout;
  }

  /** What stands before a route that needs a key with this scope. */
  before(scope: Scope | "none"): MiddlewareHandler {
    return async (c, next) => {
      if (scope !== "none") {
        const key = this.#keys && await authorize(c, this.#keys, scope);
        // Without keys, all clients are one.
        this.#limit?.take(key?.name ?? "");
      }
      c.req.raw = timelyRequest(c.req.raw, this.#idleTimeout);
      await next();
    };
  }
}
