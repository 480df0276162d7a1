/**
 * A set of token ids in constant memory.
 *
 * @module
 */

/** One bit for each id of the vocabulary. */
export class TokenSet implements Iterable<number> {
  readonly #words: Uint32Array;

  constructor(vocabulary: number) {
    this.#words = new Uint32Array(Math.ceil(vocabulary / 32));
  }

  add(id: number): void {
    this.#words[id >>> 5]! |= 1 << (id & 31);
  }

  *[Symbol.iterator](): Generator<number> {
    for (let word = 0; word < this.#words.length; word++) {
      for (let bits = this.#words[word]!; bits !== 0; bits &= bits - 1) {
        yield word * 32 + 31 - Math.clz32(bits & -bits);
      }
    }
  }
}
