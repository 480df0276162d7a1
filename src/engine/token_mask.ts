/**
 * What a generation may go on with, where it is held to a grammar.
 *
 * @module
 */

/** The tokens that may come next. */
export interface TokenMask {
  /** One bit for each token id: whether it may come next. */
  readonly allowed: Int32Array;
  /** Whether the generation has ended with an end token. */
  readonly complete: boolean;
  /** Goes on by one token; `allowed` is renewed before the next. False when it may not come. */
  accept(id: number): boolean;
}

/** Takes from `logits` the tokens that may not come next. */
export function applyMask(logits: Float32Array, allowed: Int32Array): void {
  for (let id = 0; id < logits.length; id++) {
    if ((allowed[id >>> 5]! >>> (id & 31) & 1) === 0) logits[id] = -Infinity;
  }
}
