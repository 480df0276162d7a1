/**
 * Expressions of JSON values, on one line: `{"a": 1, "b": [2, 3]}`.
 *
 * @module
 */
import { number } from "./numbers.ts";
import { literal, oneOf, plainCharacter, type Rules } from "./rules.ts";

/** Characters that the length of a string can count. */
const MOST_COUNTED = 1000;

/** What may follow a backslash, but for code units. */
const ESCAPE = `["\\\\/bfnrt]`;

/** Property of an object. */
export interface Property {
  readonly name: string;
  /** Expression of its value. */
  readonly value: string;
  readonly required: boolean;
}

/** Writes the rules of values. */
export class JsonValues {
  readonly #rules: Rules;
  #any: string | undefined;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** A value that is known. */
  constant(value: unknown): string {
    return literal(jsonText(value));
  }

  /** A string of `least` to `most` characters. Throws a `RangeError` when it counts too many. */
  string(least = 0, most = Infinity): string {
    const counted = most < Infinity ? most : least;
    if (counted > MOST_COUNTED) {
      throw new RangeError(`lengths of at most ${MOST_COUNTED} characters can be counted`);
    }
    if (most < least) throw new RangeError("its least length is more than its most");
    const plain = plainCharacter();
    if (most === Infinity) {
      // Whole and recursive, so that most tokens are known to fit before the string begins.
      const rest = this.#rules.loop((rest) =>
        `"\\"" | ${plain} ${rest} | "\\\\" ${ESCAPE} ${rest}`
      );
      if (least === 0) return this.#rules.add(`"\\"" ${rest}`);
      return this.#rules.add(`"\\"" ${this.#characters(least, least)} ${rest}`);
    }
    return this.#rules.add(`"\\"" ${this.#characters(least, most)} "\\""`);
  }

  #characters(least: number, most: number): string {
    return this.#rules.repeated(`${plainCharacter()} | "\\\\" ${ESCAPE}`, least, most);
  }

  /** Any value. */
  any(): string {
    if (this.#any !== undefined) return this.#any;
    const rules = this.#rules;
    this.#any = rules.reserve();
    const values = [this.string(), number(rules, {}), '"true"', '"false"', '"null"'];
    rules.define(this.#any, oneOf([...values, this.object([], this.#any), this.array(this.#any)]));
    return this.#any;
  }

  /** A list of `least` to `most` items after those in `first`. */
  array(
    item: string | undefined,
    bounds: { first?: readonly string[]; least?: number; most?: number } = {},
  ): string {
    const { first = [], least = 0, most = Infinity } = bounds;
    const lead = first.join(' ", " ');
    const more = (least: number, most: number) => this.#rules.repeated(`", " ${item}`, least, most);
    if (first.length > 0) {
      return this.#rules.add(`"[" ${lead} ${item ? more(least, most) : ""} "]"`);
    }
    if (!item || most === 0) return '"[]"';
    const some = `${item} ${more(Math.max(least - 1, 0), most - 1)}`;
    return this.#rules.add(`"[" ${least > 0 ? some : `(${some})?`} "]"`);
  }

  /** An object with these properties in this order, and others where `other` is their value. */
  object(properties: readonly Property[], other?: string): string {
    const rules = this.#rules;
    const named = properties.map(({ name }) => name);
    const pair = other && `${this.#nameBesides(named)} ": " ${other}`;
    let next = pair ? rules.add(`(", " ${pair})*`) : '""';
    let first = pair ? rules.add(`(${pair} ${next})?`) : '""';
    for (const { name, value, required } of properties.toReversed()) {
      const own = rules.add(`${literal(`${JSON.stringify(name)}: `)} ${value}`);
      first = rules.add(required ? `${own} ${next}` : `${own} ${next} | ${first}`);
      next = rules.add(required ? `", " ${own} ${next}` : `", " ${own} ${next} | ${next}`);
    }
    return rules.add(`"{" ${first} "}"`);
  }

  /** The name of a property that is none of these, in quotes. */
  #nameBesides(names: readonly string[]): string {
    // A name that needs an escape is none of the others, which have none.
    const plain = names.filter((name) => JSON.stringify(name) === `"${name}"`);
    return `"\\"" ${this.#besides(plain.map((name) => [...name]))}`;
  }

  /** The rest of a name, and its closing quote, where these rests are taken. */
  #besides(taken: readonly (readonly string[])[]): string {
    const next = Map.groupBy(taken.filter(({ length }) => length > 0), ([first]) => first!);
    const rest = this.#rules.loop((rest) => `"\\"" | ${plainCharacter()} ${rest}`);
    const others = `${plainCharacter([...next.keys()])} ${rest}`;
    const branches = [...next].map(([first, rests]) =>
      `${literal(first)} ${this.#besides(rests.map((rest) => rest.slice(1)))}`
    );
    const mayEnd = taken.every(({ length }) => length > 0);
    return this.#rules.add(oneOf([others, ...branches, ...mayEnd ? ['"\\""'] : []]));
  }
}

/** JSON with a space after each comma and colon, as `Rules` of values have it. */
function jsonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonText).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) =>
    `${JSON.stringify(name)}: ${jsonText(field)}`
  );
  return `{${fields.join(", ")}}`;
}
