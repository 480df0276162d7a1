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

  /** The ids from position `from`, at least {@linkcode TokenHistory.start}, up to but not `to`. */
  slice(from: number, to: number = this.#length): Int32Array<ArrayBuffer> {
    return Int32Array.from(
      { length: to - from },
      (_, i) => this.#ring[(from + i) % this.#ring.length]!,
    );
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
