/**
 * The latest tokens of a session, in constant memory.
 *
 * @module
 */

/** A ring of token ids. */
export class TokenHistory {
  readonly #ring: Int32Array;
  #length = 0;
  #start = 0;

  /** Keeps the last `capacity` ids. */
  constructor(capacity: number) {
    this.#ring = new Int32Array(capacity);
  }

  /** Tokens that the session has had, whether they are kept or not. */
  get length(): number {
    return this.#length;
  }

  /** Position of the oldest id that is kept. */
  get start(): number {
    return this.#start;
  }

  push(id: number): void {
    this.#ring[this.#length++ % this.#ring.length] = id;
    this.#start = Math.max(this.#start, this.#length - this.#ring.length);
  }

  /**
   * The ids from position `from`, at least {@linkcode TokenHistory.start}, up to but not `to`, in
   * `ids` or in a new array.
   */
  slice(
    from: number,
    to: number = this.#length,
    ids: Int32Array<ArrayBuffer> = new Int32Array(to - from),
  ): Int32Array<ArrayBuffer> {
    const first = from % this.#ring.length;
    const whole = this.#ring.subarray(first, first + ids.length);
    ids.set(whole);
    // The rest stands at the front of the ring.
    ids.set(this.#ring.subarray(0, ids.length - whole.length), whole.length);
    return ids;
  }

  /** The first `length` ids, when they are all kept. */
  beginning(length: number): Int32Array<ArrayBuffer> | undefined {
    return this.#start === 0 ? this.slice(0, length) : undefined;
  }

  /** Becomes a history of `length` tokens of which `ids` are the last. */
  restore(ids: Int32Array, length: number): void {
    this.#length = this.#start = length - ids.length;
    for (const id of ids) this.push(id);
  }
}
