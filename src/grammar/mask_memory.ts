/**
 * Memory that the engine and a matcher share for one generation: the engine writes the token that
 * it has chosen, the matcher which tokens may come next. So nothing is copied or sent for a token,
 * and the matcher works while the model computes.
 *
 * @module
 */
import { ring } from "../bell.ts";
import type { TokenMask } from "../engine/token_mask.ts";
import type { MaskShare } from "../protocol.ts";

/** Cells before the mask: tokens given and answered so far, and the last one given. */
const GIVEN = 0;
const ANSWERED = 1;
const TOKEN = 2;
const MASK = 3;

/** In place of a count of answers: there will be none. */
const GONE = -1;

/** Memory for a vocabulary of so many tokens. */
export function maskMemory(vocabulary: number): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (MASK + Math.ceil(vocabulary / 32)));
}

/** The engine's end. */
export class SharedMask implements TokenMask {
  readonly #cells: Int32Array;
  readonly #mask: Int32Array;
  readonly #bell: Int32Array;
  readonly #endTokens: ReadonlySet<number>;
  #given = 0;
  #complete = false;

  constructor({ memory, bell, endTokens }: MaskShare) {
    this.#cells = new Int32Array(memory);
    this.#mask = this.#cells.subarray(MASK);
    this.#bell = new Int32Array(bell);
    this.#endTokens = new Set(endTokens);
  }

  get ready(): boolean {
    const answered = Atomics.load(this.#cells, ANSWERED);
    return answered === this.#given || answered === GONE;
  }

  get allowed(): Int32Array {
    if (Atomics.load(this.#cells, ANSWERED) !== GONE) return this.#mask;
    throw new Error("Cannot go on: the matcher of grammars has stopped; try again");
  }

  get complete(): boolean {
    return this.#complete;
  }

  accept(id: number): boolean {
    if ((this.#mask[id >>> 5]! >>> (id & 31) & 1) === 0) return false;
    this.#complete = this.#endTokens.has(id);
    if (this.#complete) return true;
    Atomics.store(this.#cells, TOKEN, id);
    Atomics.store(this.#cells, GIVEN, ++this.#given);
    ring(this.#bell);
    return true;
  }
}

/** The matcher's end. */
export class MaskWriter {
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#cells = new Int32Array(memory);
  }

  /** The token that waits for an answer, if one does. */
  get token(): number | undefined {
    const isAnswered = Atomics.load(this.#cells, GIVEN) === this.#cells[ANSWERED];
    return isAnswered ? undefined : Atomics.load(this.#cells, TOKEN);
  }

  /** Tells what may come next, as the answer to the token that waits or before the first. */
  answer(mask: Int32Array): void {
    this.#cells.set(mask, MASK);
    Atomics.store(this.#cells, ANSWERED, Atomics.load(this.#cells, GIVEN));
  }

  /** Tells that there will be no answer. */
  abandon(): void {
    Atomics.store(this.#cells, ANSWERED, GONE);
  }
}
