/**
 * The rules of a context-free grammar, in the EBNF that the matcher reads.
 *
 * @module
 */

/** Most characters of a grammar, and of the texts in it: each of these costs time to compile. */
export const MOST_TEXT = 2 ** 16;
const MOST_LITERAL = 2 ** 12;

/** What a JSON string has to escape, as a class. */
const ESCAPED = String.raw`\x00-\x1f\x22\x5c`;

/** Rules or their texts are too long; no keyword alone is at fault. */
export class GrammarTooLarge extends TypeError {
  override readonly name = "GrammarTooLarge";
}

/** Collects rules; those with the same body are one. */
export class Rules {
  readonly #bodies = new Map<string, string>();
  readonly #names = new Map<string, string>();
  #count = 0;
  #length = 0;
  #literals = 0;

  /** The name of a rule with this body. */
  add(body: string): string {
    const known = this.#names.get(body);
    if (known !== undefined) return known;
    const name = this.reserve();
    this.#names.set(body, name);
    this.define(name, body);
    return name;
  }

  /** The name of a rule whose body refers to its name. */
  loop(body: (name: string) => string): string {
    const key = body("itself");
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const name = this.reserve();
    this.#names.set(key, name);
    this.define(name, body(name));
    return name;
  }

  /** A name for a rule that is defined later, so that it can refer to itself. */
  reserve(): string {
    return `r${this.#count++}`;
  }

  /** Throws a {@linkcode GrammarTooLarge}. */
  define(name: string, body: string): void {
    this.#bodies.set(name, body);
    this.#length += body.length;
    for (const [text] of body.matchAll(/"(?:[^"\\]|\\.)+"/g)) this.#literals += text.length - 2;
    if (this.#length <= MOST_TEXT && this.#literals <= MOST_LITERAL) return;
    throw new GrammarTooLarge(
      `The grammar is too large, with more than ${MOST_TEXT} characters or ${MOST_LITERAL} in ` +
        "its names and listed values: ask for fewer or shorter ones",
    );
  }

  /** The expression of `least` to `most` times the same one. */
  repeated(expression: string, least: number, most: number): string {
    const one = this.add(expression);
    let rest = most === Infinity ? this.add(`(${one})*`) : '""';
    for (let i = least; i < most && most < Infinity; i++) {
      rest = this.add(`"" | ${one} ${rest}`);
    }
    return [...Array.from({ length: least }, () => one), rest].join(" ");
  }

  /** The grammar whose texts are those of the expression `root`. */
  text(root: string): string {
    const rules = [...this.#bodies].map(([name, body]) => `${name} ::= ${body}\n`);
    return `root ::= ${root}\n${rules.join("")}`;
  }
}

/** The expression of a text. */
export function literal(text: string): string {
  return JSON.stringify(text).replaceAll(/\\(.)/g, (escape, kind) => {
    if (kind === "b") return "\\u0008";
    return kind === "f" ? "\\u000c" : escape;
  });
}

/** The expression of one of several expressions. */
export function oneOf(expressions: readonly string[]): string {
  const all = [...new Set(expressions)];
  return all.length === 1 ? all[0]! : `(${all.join(" | ")})`;
}

/**
 * The class of the characters of a JSON string that need no escape, without some of them. The
 * matcher knows others than ASCII only as what a class of ASCII leaves out, so these are either all
 * in or all out.
 */
export function plainCharacter(without: readonly string[] = []): string {
  const isAscii = (character: string) => character < "\x80";
  const escapes = without.filter(isAscii).map((character) =>
    `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`
  );
  if (without.every(isAscii)) return `[^${ESCAPED}${escapes.join("")}]`;
  const ascii = Array.from({ length: 0x5f }, (_, i) => String.fromCharCode(0x20 + i));
  const rest = ascii.filter((character) => !['"', "\\", ...without].includes(character));
  return oneOf(rest.map(literal));
}
