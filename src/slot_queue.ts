/**
 * Hands out the slots of the state pool, in the order in which they are asked for.
 *
 * @module
 */

import { SessionError } from "./session_error.ts";

/** What {@linkcode SlotQueue} knows of the pool. */
export interface SlotQueueOptions {
  readonly slots: number;
  /** Bytes of one slot, for messages. */
  readonly bytes: number;
  /** Most that may wait at once. */
  readonly waiting: number;
}

/** Free slots and who waits for one. */
export class SlotQueue {
  readonly #options: SlotQueueOptions;
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  #taken = 0;
  #closed = false;

  constructor(options: SlotQueueOptions) {
    this.#options = options;
  }

  /** Whether no slot is free. */
  get full(): boolean {
    return this.#taken >= this.#options.slots;
  }

  /** Slots that are in use. */
  get taken(): number {
    return this.#taken;
  }

  /** Those that wait for a slot. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Takes a free slot, or waits for one in turn.
   *
   * @throws {SessionError} None is free and `wait` is not set, or too many wait.
   */
  async take(wait: boolean, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#closed) throw new Error("The runtime is closed; load the model again");
    if (!this.full) {
      this.#taken++;
      return;
    }
    if (!wait || this.#waiting.length >= this.#options.waiting) throw this.#full(wait);
    const turn = Promise.withResolvers<void>();
    const abort = () => {
      const index = this.#waiting.indexOf(turn);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      turn.reject(signal!.reason);
    };
    this.#waiting.push(turn);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await turn.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Passes a slot on to who waits longest. */
  release(): void {
    const turn = this.#waiting.shift();
    if (turn) turn.resolve();
    else this.#taken--;
  }

  /** Turns away who waits longest: what should have made room has failed. */
  turnAway(error: unknown): void {
    this.#waiting.shift()?.reject(error);
  }

  /** Turns away all who wait, and who comes later. */
  close(): void {
    this.#closed = true;
    const closed = new Error("The runtime was closed");
    for (const turn of this.#waiting.splice(0)) turn.reject(closed);
  }

  #full(wait: boolean): SessionError {
    const { slots, bytes } = this.#options;
    const queue = wait ? ` and ${this.#waiting.length} requests wait` : "";
    return new SessionError(
      "full",
      `All ${slots} sessions are in use${queue}: close one, or load the model with more ` +
        `sessions, each of which needs ${bytes} bytes`,
    );
  }
}
