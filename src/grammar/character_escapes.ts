/**
 * What escapes of regular expressions stand for.
 *
 * @module
 */
import { type CodeRange, complement } from "./characters.ts";

const DIGITS: readonly CodeRange[] = [[0x30, 0x39]];
const WORD: readonly CodeRange[] = [...DIGITS, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const SPACES: readonly CodeRange[] = [[0x09, 0x0d], [0x20, 0x20]];

/**
 * Classes by their letters. Spaces and what is none are of ASCII, as the matcher cannot tell those
 * beyond it from other characters.
 */
export const CLASSES: Readonly<Record<string, readonly CodeRange[]>> = {
  d: DIGITS,
  D: complement(DIGITS),
  w: WORD,
  W: complement(WORD),
  s: SPACES,
  S: complement([...SPACES, [0x80, 0x10ffff]]),
};

const CONTROLS: Readonly<Record<string, string>> = {
  t: "\t",
  n: "\n",
  v: "\v",
  f: "\f",
  r: "\r",
};

/** The character that begins `text`, which follows a backslash, and the length of its escape. */
export function characterOfEscape(text: string): { character: string; length: number } | undefined {
  const [, two, four, braced] =
    /^(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u\{0*([0-9a-f]{1,6})\})/i.exec(text) ?? [];
  const code = parseInt(two ?? four ?? braced ?? "", 16);
  if (!Number.isNaN(code)) {
    const isCharacter = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    if (!isCharacter) return undefined;
    const length = two ? 3 : four ? 5 : text.indexOf("}") + 1;
    return { character: String.fromCodePoint(code), length };
  }
  const [first = ""] = text;
  const control = CONTROLS[first];
  if (control !== undefined) return { character: control, length: 1 };
  // With a letter or a digit it would be something else.
  return /^[^\p{L}\p{N}]$/u.test(first) ? { character: first, length: 1 } : undefined;
}
