/**
 * Sets of characters as expressions of a grammar.
 *
 * @module
 */
import { literal, oneOf } from "./rules.ts";

/** Code points from the first to the last. */
export type CodeRange = readonly [first: number, last: number];

/** How a text is written: as it is, or inside a JSON string. */
export type Encoding = "plain" | "json";

const LAST_ASCII = 0x7f;
const LAST = 0x10ffff;
/** Characters beyond ASCII that a set can list. */
const MOST_LISTED = 256;

/** What stands for itself inside a JSON string, of ASCII. */
const JSON_PLAIN: readonly CodeRange[] = [[0x20, 0x21], [0x23, 0x5b], [0x5d, LAST_ASCII]];
/** What has an escape of two characters in a JSON string. */
const JSON_ESCAPED = '\b\t\n\f\r"\\';

/** All characters that are not in these ranges. */
export function complement(ranges: readonly CodeRange[]): CodeRange[] {
  const left: CodeRange[] = [];
  let next = 0;
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    if (first > next) left.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  return next > LAST ? left : [...left, [next, LAST]];
}

/** The expression of a text. */
export function textOf(text: string, encoding: Encoding): string {
  return literal(encoding === "json" ? JSON.stringify(text).slice(1, -1) : text);
}

/**
 * The expression of one character of a set. The matcher knows others than ASCII only as what a
 * class of ASCII leaves out, or one by one: what is neither is refused with a `RangeError`.
 */
export function oneCharacter(ranges: readonly CodeRange[], encoding: Encoding): string {
  // A zero is in no text.
  const ascii = within(ranges, [[1, LAST_ASCII]]);
  const plain = encoding === "json" ? within(ascii, JSON_PLAIN) : ascii;
  const has = (code: number) => ascii.some(([first, last]) => first <= code && code <= last);
  const escaped = [...encoding === "json" ? JSON_ESCAPED : ""].filter((c) => has(c.charCodeAt(0)));
  const beyond = within(ranges, [[LAST_ASCII + 1, LAST]]);
  const missing = complement([[0, LAST_ASCII], ...beyond]);
  const count = beyond.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  if (missing.length > 0 && count > MOST_LISTED) {
    throw new RangeError(
      `a set has ${count} characters beyond ASCII: use all of them or at most ${MOST_LISTED}`,
    );
  }
  const rest = within(complement(plain), [[0, LAST_ASCII]]);
  const listed = missing.length === 0
    ? []
    : beyond.flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i))
    );
  const all = [
    ...missing.length === 0 ? [`[^${classText(rest)}]`] : [],
    ...missing.length > 0 && plain.length > 0 ? [`[${classText(plain)}]`] : [],
    ...[...listed, ...escaped].map((character) => textOf(character, encoding)),
  ];
  if (all.length === 0) throw new RangeError("a set has no character that can be written");
  return oneOf(all);
}

/** What of some ranges is in others as well, none of which overlap. */
function within(ranges: readonly CodeRange[], others: readonly CodeRange[]): CodeRange[] {
  const merged = complement(complement(ranges));
  return merged.flatMap(([first, last]) =>
    others.map(([from, to]): CodeRange => [Math.max(first, from), Math.min(last, to)])
  ).filter(([first, last]) => first <= last);
}

function classText(ranges: readonly CodeRange[]): string {
  const escape = (code: number) => `\\x${code.toString(16).padStart(2, "0")}`;
  return ranges.map(([first, last]) =>
    first === last ? escape(first) : `${escape(first)}-${escape(last)}`
  ).join("");
}
