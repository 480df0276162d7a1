/**
 * A set of token ids in constant memory.
 *
 * @module
 */

/** One bit for each id of the vocabulary. */
export class TokenSet implements Iterable<number> {
  readonly #words: Uint32Array<ArrayBuffer>;

  constructor(vocabulary: number) {
    this.#words = new Uint32Array(Math.ceil(vocabulary / 32));
  }

  /** Adds an id, and says whether it was not there. */
  add(id: number): boolean {
    const before = this.#words[id >>> 5]!;
    this.#words[id >>> 5] = before | (1 << (id & 31));
    return this.#words[id >>> 5] !== before;
  }

  delete(id: number): void {
    this.#words[id >>> 5]! &= ~(1 << (id & 31));
  }

  /** A copy of the bits. */
  get words(): Uint32Array<ArrayBuffer> {
    return this.#words.slice();
  }

  /** Holds what these bits say and nothing else. */
  restore(words: Uint32Array): void {
    this.#words.set(words);
  }

  *[Symbol.iterator](): Generator<number> {
    for (let word = 0; word < this.#words.length; word++) {
      for (let bits = this.#words[word]!; bits !== 0; bits &= bits - 1) {
        yield word * 32 + 31 - Math.clz32(bits & -bits);
      }
    }
  }
}
