/**
 * What is appended to a session, as token ids.
 *
 * @module
 */
import type { Tokenizer } from "./tokenizer.ts";

/** The ids of a text, or those given. Throws when one is not in the vocabulary. */
export function tokenIds(
  input: string | readonly number[] | Int32Array,
  tokenizer: Tokenizer | undefined,
  vocabularySize: number,
): Int32Array<ArrayBuffer> {
  if (typeof input === "string") {
    if (!tokenizer) throw new TypeError("This model has no tokenizer.json: pass token ids");
    return Int32Array.from(tokenizer.encode(input));
  }
  for (const id of input) {
    if (Number.isInteger(id) && id >= 0 && id < vocabularySize) continue;
    throw new RangeError(
      `Token id ${id} is not in the vocabulary: pass whole numbers from 0 to ${vocabularySize - 1}`,
    );
  }
  return Int32Array.from(input);
}
