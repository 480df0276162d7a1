/**
 * A small seeded generator of random numbers (sfc32), whose state is four words.
 *
 * @module
 */

/** Repeatable random numbers: the same seed gives the same sequence on every machine. */
export class Random {
  readonly #state: Uint32Array<ArrayBuffer>;

  /** `seed`: a whole number from 0 to 2^53 - 1. */
  constructor(seed: number) {
    this.#state = Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32), 0x9e3779b9, 1);
    // Twelve rounds spread the seed over the whole state.
    for (let i = 0; i < 12; i++) this.#word();
  }

  /** Goes on where another one stood. */
  static from(state: Uint32Array): Random {
    const random = new Random(0);
    random.#state.set(state);
    return random;
  }

  /** Four words that {@linkcode Random.from} goes on from. */
  get state(): Uint32Array<ArrayBuffer> {
    return this.#state.slice();
  }

  /** A number in [0, 1) with 53 random bits. */
  next(): number {
    return ((this.#word() >>> 5) * 2 ** 26 + (this.#word() >>> 6)) / 2 ** 53;
  }

  #word(): number {
    const [a, b, c, counter] = this.#state as unknown as [number, number, number, number];
    const result = (a + b + counter) >>> 0;
    this.#state[0] = b ^ (b >>> 9);
    this.#state[1] = c + (c << 3);
    this.#state[2] = ((c << 21) | (c >>> 11)) + result;
    this.#state[3] = counter + 1;
    return result;
  }
}
