/**
 * What a request must pass before a route answers it.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { shuttingDown } from "../errors.ts";
import { expectScope, identify } from "./access.ts";
import type { Scope } from "./api_keys.ts";
import { timelyRequest } from "./idle.ts";
import { KeyFile } from "./key_file.ts";
import { RateLimit } from "./rate_limit.ts";
import type { RecordEnv } from "./record.ts";

/** Options of {@linkcode Gate}, those of the server. */
export interface GateOptions {
  /** Aborted when nothing more is to be begun. */
  readonly draining: AbortSignal;
  readonly keys: string | undefined;
  readonly requestsPerMinute: number | undefined;
  readonly idleTimeout: number;
}

/** Asks for a key, counts requests, and wants their bodies to come. */
export class Gate {
  readonly #draining: AbortSignal;
  readonly #keys: KeyFile | undefined;
  readonly #limit: RateLimit | undefined;
  readonly #idleTimeout: number;

  constructor({ draining, keys, requestsPerMinute, idleTimeout }: GateOptions) {
    this.#draining = draining;
    this.#keys = keys === undefined ? undefined : new KeyFile(keys);
    this.#limit = requestsPerMinute === undefined ? undefined : new RateLimit(requestsPerMinute);
    this.#idleTimeout = idleTimeout;
  }

  /** What stands before a route that needs a key with this scope. */
  before(scope: Scope | "none"): MiddlewareHandler<RecordEnv> {
    return async (c, next) => {
      if (scope !== "none") {
        if (this.#draining.aborted && scope !== "admin") throw shuttingDown();
        const key = this.#keys && await identify(c, this.#keys);
        c.get("record").key = key?.name;
        if (key) expectScope(key, scope);
        // Without keys, all clients are one.
        this.#limit?.take(key?.name ?? "");
      }
      c.req.raw = timelyRequest(c.req.raw, this.#idleTimeout);
      await next();
    };
  }
}
