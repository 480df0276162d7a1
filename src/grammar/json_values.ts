/**
 * Expressions of JSON values, on one line: `{"a": 1, "b": [2, 3]}`.
 *
 * @module
 */
import { number } from "./numbers.ts";
import { RegularExpression } from "./regular_expression.ts";
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

/** The properties of an object that have no place of their own. */
export interface OtherProperties {
  /** Expression of a name, in quotes; any that no other property has where there is none. */
  readonly name?: string;
  /** Expression of a value. */
  readonly value: string;
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

  /** A string that a regular expression matches as a whole, or a `TypeError` that says why not. */
  matching(pattern: string): string {
    const expression = new RegularExpression(this.#rules, pattern, "json");
    return this.#rules.add(`"\\"" (${expression.whole()}) "\\""`);
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
    rules.define(
      this.#any,
      oneOf([...values, this.object([], { value: this.#any }), this.array(this.#any)]),
    );
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

  /** A list of different ones of these items. Throws a `RangeError` when there are too few. */
  distinct(items: readonly string[], least = 0, most = Infinity): string {
    if (least > items.length) throw new RangeError("there are fewer different items");
    /** What may come after items with these indices. */
    const after = (taken: readonly number[]): string => {
      const left = items.flatMap((_, i) => taken.includes(i) || taken.length >= most ? [] : [i]);
      const next = left.map((i) => {
        const rest = after([...taken, i].toSorted((a, b) => a - b));
        return `${taken.length > 0 ? '", " ' : ""}${items[i]} ${rest}`;
      });
      return this.#rules.add([...taken.length >= least ? ['""'] : [], ...next].join(" | "));
    };
    return this.#rules.add(`"[" ${after([])} "]"`);
  }

  /**
   * An object with these properties in this order, and others where there is an expression of them.
   * Throws a `RangeError` when it cannot have so many.
   */
  object(
    properties: readonly Property[],
    other?: OtherProperties,
    { least = 0, most = Infinity }: { least?: number; most?: number } = {},
  ): string {
    const rules = this.#rules;
    const names = other?.name ?? this.#nameBesides(properties.map(({ name }) => name));
    const pair = other && `${names} ": " ${other.value}`;
    /** Others, after so many properties. */
    const others = (count: number): string | undefined => {
      const need = Math.max(least - count, 0);
      const room = pair ? most - count : 0;
      // Names that are free may come twice, and then count once.
      if (need > Math.min(room, 1)) return undefined;
      if (room === 0) return '""';
      const more = (taken: number) =>
        rules.repeated(`", " ${pair}`, Math.max(need - taken, 0), room - taken);
      if (count > 0) return rules.add(more(0));
      return rules.add(need > 0 ? `${pair} ${more(1)}` : `(${pair} ${more(1)})?`);
    };
    // More than this need not be told apart.
    const enough = most < Infinity ? most : Math.max(least, 1);
    let after = Array.from({ length: enough + 1 }, (_, count) => others(count));
    for (const { name, value, required } of properties.toReversed()) {
      const own = rules.add(`${literal(`${JSON.stringify(name)}: `)} ${value}`);
      after = after.map((without, count) => {
        const rest = count < most ? after[Math.min(count + 1, enough)] : undefined;
        const taken = rest && `${count > 0 ? '", " ' : ""}${own} ${rest}`;
        const all = [taken, required ? undefined : without].filter((one) => one !== undefined);
        return all.length === 0 ? undefined : rules.add(all.join(" | "));
      });
    }
    if (after[0] === undefined) throw new RangeError("no object has so many properties");
    return rules.add(`"{" ${after[0]} "}"`);
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
