/**
 * Reads the fields of JSON objects that come from outside, each with a check.
 *
 * @module
 */

const LONGEST = 60;

/** The fields of one JSON object. Every error is a sentence with file, field, found and wanted. */
export class Fields {
  readonly #file: string;
  readonly #path: string;
  readonly #values: Readonly<Record<string, unknown>>;

  /** `file` is what errors call the file, `path` where the object stands in it: "" or "swa.". */
  constructor(json: unknown, file: string, path = "") {
    this.#file = file;
    this.#path = path;
    if (!isRecord(json)) {
      const what = path === "" ? "its content" : path.slice(0, -1);
      throw new Error(`Cannot use ${file}: ${what} is ${describe(json)}; it must be an object`);
    }
    this.#values = json;
  }

  /** Whether the field is there and not null. */
  has(name: string): boolean {
    const value = this.raw(name);
    return value !== undefined && value !== null;
  }

  /** The value as it stands, `undefined` when there is none. */
  raw(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
  }

  object(name: string): Fields {
    return new Fields(this.raw(name), this.#file, `${this.#path}${name}.`);
  }

  list(name: string): readonly unknown[] {
    const value = this.raw(name);
    if (Array.isArray(value)) return value;
    throw this.error(name, "a list");
  }

  choice<T extends string>(name: string, allowed: readonly T[]): T {
    const value = this.raw(name);
    const choice = allowed.find((item) => item === value);
    if (choice !== undefined) return choice;
    throw this.error(name, allowed.map((item) => `"${item}"`).join(" or "));
  }

  /** A list whose entries are all among `allowed`. */
  choices<T extends string>(name: string, allowed: readonly T[]): readonly T[] {
    const entries = Object.fromEntries(
      this.list(name).map((value, index) => [`${name}[${index}]`, value]),
    );
    const list = new Fields(entries, this.#file, this.#path);
    return Object.keys(entries).map((entry) => list.choice(entry, allowed));
  }

  boolean(name: string): boolean {
    const value = this.raw(name);
    if (typeof value === "boolean") return value;
    throw this.error(name, "true or false");
  }

  /** A number from `low` to `high`, which JSON's own numbers need not be: 1e999 is infinite. */
  number(name: string, low: number, high: number): number {
    return this.#inRange(name, this.raw(name), low, high);
  }

  /** As {@linkcode number}, or a string that spells one in decimal digits. */
  numberOrText(name: string, low: number, high: number): number {
    const value = this.raw(name);
    const isText = typeof value === "string" &&
      /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value.trim());
    return this.#inRange(name, isText ? Number(value) : value, low, high);
  }

  integer(name: string, low: number, high: number): number {
    const value = this.raw(name);
    if (isWhole(value) && value >= low && value <= high) return value;
    throw this.error(name, `a whole number from ${low} to ${high}`);
  }

  /** A whole number, a list of them, or none where the field is null or missing. */
  integers(name: string, low: number, high: number): readonly number[] {
    if (!this.has(name)) return [];
    const value = this.raw(name);
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    const wrong = list.find((item) => !(isWhole(item) && item >= low && item <= high));
    if (wrong === undefined) return list as readonly number[];
    const found = Array.isArray(value) ? `a list with ${describe(wrong)}` : describe(wrong);
    throw this.wrong(name, found, `null or one or more whole numbers from ${low} to ${high}`);
  }

  /** The error for a field that is not what was wanted. */
  error(name: string, wanted: string): Error {
    return this.wrong(name, describe(this.raw(name)), wanted);
  }

  /** The error for what follows from fields: `name` may be an expression of several. */
  wrong(name: string, found: string, wanted: string): Error {
    const field = `${this.#path}${name}`;
    return new Error(`Cannot use ${this.#file}: ${field} is ${found}; it must be ${wanted}`);
  }

  #inRange(name: string, value: unknown, low: number, high: number): number {
    if (typeof value === "number" && value >= low && value <= high) return value;
    throw this.error(name, `a number from ${low} to ${high}`);
  }
}

/** Whether a value is a number that holds a whole number exactly. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** Whether a JSON value is an object and not a list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A JSON value in a few words, however large it is. */
export function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** A text in quotes, on one line and not too long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
}
