/**
 * What a generation may go on with, where it is held to a grammar.
 *
 * @module
 */

/** The tokens that may come next. It is found elsewhere, while the engine computes. */
export interface TokenMask {
  /** Whether `allowed` holds for the tokens that were accepted. */
  readonly ready: boolean;
  /** One bit for each token id: whether it may come next. Throws when it will never be known. */
  readonly allowed: Int32Array;
  /** Whether the generation has ended with an end token. */
  readonly complete: boolean;
  /** Goes on by one token, once it is ready. False when the token may not come. */
  accept(id: number): boolean;
}

/** Takes from `logits` the tokens that may not come next. */
export function applyMask(logits: Float32Array, allowed: Int32Array): void {
  for (let id = 0; id < logits.length; id++) {
    if ((allowed[id >>> 5]! >>> (id & 31) & 1) === 0) logits[id] = -Infinity;
  }
}
