/**
 * Regular expressions, as JavaScript has them with the flag `u`, as expressions of a grammar. What
 * a grammar cannot say is refused by name: looking around, references to groups, word boundaries.
 *
 * @module
 */
import { characterOfEscape, CLASSES } from "./character_escapes.ts";
import { type CodeRange, complement, type Encoding, oneCharacter, textOf } from "./characters.ts";
import type { Rules } from "./rules.ts";

/** Times that something can be repeated, where there is a limit. */
const MOST_REPEATED = 1000;
/** Groups inside each other: the matcher's stack is small. */
const MOST_DEPTH = 32;

/** A part of the expression. */
interface Part {
  readonly text: string;
  readonly mayBeEmpty: boolean;
  /** The text that it is, where it is only one. */
  readonly literal?: string;
}

/** Reads one regular expression. Whatever is wrong is a `TypeError` that says where. */
export class RegularExpression {
  readonly #rules: Rules;
  readonly #encoding: Encoding;
  readonly #source: readonly string[];
  readonly #alternatives: readonly Part[];
  #position = 0;
  #depth = 0;

  constructor(rules: Rules, source: string, encoding: Encoding) {
    this.#rules = rules;
    this.#encoding = encoding;
    this.#source = [...source];
    this.#alternatives = this.#read();
    if (this.#position < this.#source.length) throw this.#error('has a ")" without a group');
  }

  /** The texts that it matches as a whole. */
  whole(): string {
    return this.#choice(this.#alternatives).text;
  }

  #read(): Part[] {
    const alternatives: Part[] = [];
    do alternatives.push(this.#sequence()); while (this.#takes("|"));
    return alternatives;
  }

  #choice(parts: readonly Part[]): Part {
    if (parts.length === 1) return parts[0]!;
    return {
      text: this.#rules.add(parts.map(({ text }) => text).join(" | ")),
      mayBeEmpty: parts.some(({ mayBeEmpty }) => mayBeEmpty),
    };
  }

  #sequence(): Part {
    if (this.#depth === 0) this.#takes("^");
    let toEnd = false;
    const parts: Part[] = [];
    while (!["|", ")", undefined].includes(this.#peek())) {
      if (toEnd) throw this.#error('has a "$" that is not at its end');
      if (this.#depth === 0 && this.#takes("$")) toEnd = true;
      else parts.push(this.#repeated(this.#atom()));
    }
    return {
      text: this.#joined(parts),
      mayBeEmpty: parts.every(({ mayBeEmpty }) => mayBeEmpty),
    };
  }

  /** Parts one after another, with neighbouring texts as one. */
  #joined(parts: readonly Part[]): string {
    const texts: string[] = [];
    let run = "";
    for (const { text, literal } of [...parts, { text: "", literal: undefined }]) {
      if (literal !== undefined) run += literal;
      else {
        if (run !== "") texts.push(textOf(run, this.#encoding));
        if (text !== "") texts.push(text);
        run = "";
      }
    }
    return texts.length === 0 ? '""' : texts.join(" ");
  }

  #repeated(part: Part): Part {
    const at = this.#position;
    const [least, most] = this.#quantifier() ?? [];
    if (least === undefined || most === undefined) return part;
    // A lazy one has the same texts.
    this.#takes("?");
    if (["*", "+", "?", "{"].includes(this.#peek()!)) throw this.#error("repeats a repetition");
    if (least > most) throw this.#error("repeats at least more often than at most", at);
    const counted = most === Infinity ? least : most;
    if (counted > MOST_REPEATED) {
      throw this.#error(`repeats more than ${MOST_REPEATED} times`, at);
    }
    if (part.mayBeEmpty && most === Infinity) {
      throw this.#error("repeats without end what may be empty", at);
    }
    const text = this.#rules.repeated(part.text, least, most);
    return { text, mayBeEmpty: part.mayBeEmpty || least === 0 };
  }

  #quantifier(): [least: number, most: number] | undefined {
    if (this.#takes("*")) return [0, Infinity];
    if (this.#takes("+")) return [1, Infinity];
    if (this.#takes("?")) return [0, 1];
    if (this.#peek() !== "{") return undefined;
    const end = this.#source.indexOf("}", this.#position);
    const text = this.#source.slice(this.#position, end + 1).join("");
    const [, least, comma, most] = /^\{(\d{1,9})(?:(,)(\d{1,9})?)?\}$/.exec(text) ?? [];
    if (least === undefined) throw this.#error('has a "{" that counts nothing: write "\\{"');
    this.#position = end + 1;
    return [Number(least), most ? Number(most) : comma ? Infinity : Number(least)];
  }

  #atom(): Part {
    const at = this.#position;
    const character = this.#next();
    if (character === "(") return this.#group(at);
    if (character === "[") return this.#set(this.#class(at));
    if (character === ".") return this.#set(complement([[0x0a, 0x0a], [0x0d, 0x0d]]));
    if (character === "\\") {
      const escaped = this.#escape(at);
      return typeof escaped === "string" ? this.#text(escaped) : this.#set(escaped, at);
    }
    if ("*+?{}]".includes(character)) {
      throw this.#error(`has a "${character}" in the wrong place: write "\\${character}"`, at);
    }
    if ("^$".includes(character)) {
      throw this.#error(`has a "${character}" inside, which cannot be kept`, at);
    }
    return this.#text(character);
  }

  #text(text: string): Part {
    return { text: textOf(text, this.#encoding), mayBeEmpty: false, literal: text };
  }

  #set(ranges: readonly CodeRange[], at = this.#position): Part {
    try {
      return { text: oneCharacter(ranges, this.#encoding), mayBeEmpty: false };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw this.#error(`cannot be kept: ${error.message}`, at);
    }
  }

  #group(at: number): Part {
    const kind = /^\?(?:<?[=!]|:|<[A-Za-z_$][\w$]*>|.)/u.exec(this.#source.slice(at + 1).join(""));
    if (kind) {
      if (/[=!]$/.test(kind[0])) throw this.#error("looks around, which cannot be kept", at);
      if (!/[:>]$/.test(kind[0])) throw this.#error("has a group of an unknown kind", at);
      this.#position += [...kind[0]].length;
    }
    if (++this.#depth > MOST_DEPTH) {
      throw this.#error(`has more than ${MOST_DEPTH} groups inside each other`, at);
    }
    const { text, mayBeEmpty } = this.#choice(this.#read());
    this.#depth--;
    if (!this.#takes(")")) throw this.#error("has a group without an end", at);
    return { text, mayBeEmpty };
  }

  /** The ranges of a class in brackets. */
  #class(at: number): readonly CodeRange[] {
    const isNegated = this.#takes("^");
    const ranges: CodeRange[] = [];
    while (!this.#takes("]")) {
      const first = this.#classItem(at);
      const isRange = this.#peek() === "-" && this.#source[this.#position + 1] !== "]";
      if (!isRange) {
        ranges.push(...typeof first === "string" ? [rangeOf(first, first)] : first);
        continue;
      }
      this.#next();
      const last = this.#classItem(at);
      const range = typeof first === "string" && typeof last === "string" && rangeOf(first, last);
      if (!range || range[0] > range[1]) throw this.#error("has a range that is none", at);
      ranges.push(range);
    }
    return isNegated ? complement(ranges) : ranges;
  }

  #classItem(at: number): string | readonly CodeRange[] {
    if (this.#peek() === undefined) throw this.#error("has a class without an end", at);
    const begin = this.#position;
    const character = this.#next();
    return character === "\\" ? this.#escape(begin, true) : character;
  }

  /** The character or the class that an escape stands for. */
  #escape(at: number, isInClass = false): string | readonly CodeRange[] {
    const rest = this.#source.slice(this.#position).join("");
    if (isInClass && rest[0] === "b") {
      this.#next();
      return "\b";
    }
    const set = CLASSES[rest[0] ?? ""];
    if (set) {
      this.#next();
      return set;
    }
    const found = characterOfEscape(rest);
    if (!found) throw this.#error(`has "\\${rest[0] ?? ""}", which cannot be kept`, at);
    this.#position += found.length;
    return found.character;
  }

  #peek(): string | undefined {
    return this.#source[this.#position];
  }

  #next(): string {
    return this.#source[this.#position++]!;
  }

  #takes(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#position++;
    return true;
  }

  #error(what: string, at = this.#position): TypeError {
    return new TypeError(`The regular expression ${what}, at character ${at + 1}`);
  }
}

function rangeOf(first: string, last: string): CodeRange {
  return [first.codePointAt(0)!, last.codePointAt(0)!];
}
