/**
 * What asks a server to end.
 *
 * @module
 */

/** Hears SIGINT, SIGTERM, and the caller's signal. */
export class StopRequests implements Disposable {
  readonly #signal: AbortSignal | undefined;
  readonly #heard = () => {
    this.#next.resolve();
    this.#next = Promise.withResolvers<void>();
  };
  #next = Promise.withResolvers<void>();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    Deno.addSignalListener("SIGINT", this.#heard);
    Deno.addSignalListener("SIGTERM", this.#heard);
    signal?.addEventListener("abort", this.#heard, { once: true });
    if (signal?.aborted) queueMicrotask(this.#heard);
  }

  /** Resolves at the next request to end. */
  next(): Promise<void> {
    return this.#next.promise;
  }

  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.#heard);
    Deno.removeSignalListener("SIGTERM", this.#heard);
    this.#signal?.removeEventListener("abort", this.#heard);
  }
}
