/**
 * Grammars that come as EBNF.
 *
 * @module
 */
import { MOST_TEXT } from "./rules.ts";

/** Texts, comments and classes, none of which can begin inside another. */
const TOKENS = /"(?:[^"\\\n]|\\.)*"|#[^\n]*|\[(?:[^\]\\]|\\.)*\]/gsu;

/** A character beyond ASCII, as it is or as an escape. */
const BEYOND_ASCII = /[^\0-\x7f]|\\x[89a-f]|\\u(?!00[0-7])|\\U(?!000000[0-7])/iu;

/**
 * Throws a `TypeError` when the matcher would take rules for something else than they say: it finds
 * no characters beyond ASCII in classes. What is no EBNF at all it refuses by itself.
 */
export function checkEbnf(rules: string): void {
  if (rules.length > MOST_TEXT) {
    throw new TypeError(
      `The grammar has ${rules.length} characters: pass one of at most ${MOST_TEXT}`,
    );
  }
  for (const { 0: token, index } of rules.matchAll(TOKENS)) {
    if (!token.startsWith("[") || !BEYOND_ASCII.test(token)) continue;
    const line = rules.slice(0, index).split("\n").length;
    throw new TypeError(
      `The grammar's ${token} in line ${line} has characters beyond ASCII, which only a text ` +
        'can have: write alternatives, such as "ä" | "ö"',
    );
  }
}
