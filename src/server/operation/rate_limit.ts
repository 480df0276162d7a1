/**
 * Limits how often each client may ask.
 *
 * @module
 */
import { ApiError } from "../errors.ts";

const MINUTE_MS = 60_000;

/**
 * A bucket of requests for each client, which holds those of a minute and fills up evenly: a burst
 * is answered, and the minute after it is not a second one.
 */
export class RateLimit {
  readonly #most: number;
  /** When the bucket of each client is full again; the one that was used last is at the end. */
  readonly #fullAt = new Map<string, number>();

  constructor(requestsPerMinute: number) {
    if (!(requestsPerMinute >= 1)) {
      throw new RangeError(`requestsPerMinute is ${requestsPerMinute}: pass at least 1`);
    }
    this.#most = requestsPerMinute;
  }

  /** Counts a request. Throws an {@linkcode ApiError} that says when there may be the next. */
  take(client: string, now: number = performance.now()): void {
    this.#forget(now);
    const fullAt = Math.max(now, this.#fullAt.get(client) ?? now) + MINUTE_MS / this.#most;
    if (fullAt > now + MINUTE_MS) throw this.#tooMany(fullAt - MINUTE_MS - now);
    this.#fullAt.delete(client);
    this.#fullAt.set(client, fullAt);
  }

  /** A client that has a whole minute's requests is like one that never came. */
  #forget(now: number): void {
    for (const [client, fullAt] of this.#fullAt) {
      if (fullAt > now) return;
      this.#fullAt.delete(client);
    }
  }

  #tooMany(milliseconds: number): ApiError {
    const wait = Math.max(1, Math.ceil(milliseconds / 1000));
    return new ApiError(
      429,
      `More than ${this.#most} requests a minute have come: try again in ${wait} s`,
      { code: "rate_limit_exceeded", headers: { "Retry-After": `${wait}` } },
    );
  }
}
