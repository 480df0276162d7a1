/**
 * Reads the keywords of a JSON schema.
 *
 * @module
 */
import { isRecord } from "../json_fields.ts";
import type { NumberBounds } from "./numbers.ts";
import { GrammarTooLarge } from "./rules.ts";

/** Keywords that say nothing of which values there are. */
const ANNOTATIONS = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "contentEncoding",
  "contentMediaType",
  // Of OpenAPI: it says which property of the schemas of `oneOf` to look at.
  "discriminator",
  "format",
]);

/** One schema. Every error is a `TypeError` that says where in the whole it stands. */
export class SchemaFields {
  /** Where it stands, as in `/properties/name`. */
  readonly path: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(schema: unknown, path: string) {
    this.path = path;
    if (schema === false) {
      throw new TypeError(`${this.#named("")} is false, which no value validates: leave it out`);
    }
    if (!isRecord(schema)) throw new TypeError(`${this.#named("")} is no schema: pass an object`);
    this.#fields = schema;
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  raw(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  /** Throws when there are other keywords than these. */
  allow(names: readonly string[]): void {
    const other = Object.keys(this.#fields).find((name) =>
      !ANNOTATIONS.has(name) && !names.includes(name)
    );
    if (other === undefined) return;
    throw new TypeError(`${this.#named(other)} cannot be kept here: leave it out`);
  }

  /** A list with something in it, or `otherwise` where there is none. */
  list(name: string, otherwise?: readonly unknown[]): readonly unknown[] {
    const value = this.raw(name) ?? otherwise;
    if (Array.isArray(value) && (value.length > 0 || otherwise)) return value;
    throw this.error(name, "as a list that is not empty");
  }

  text(name: string): string {
    const value = this.raw(name);
    if (typeof value === "string") return value;
    throw this.error(name, "as a text");
  }

  record(name: string): Readonly<Record<string, unknown>> {
    const value = this.raw(name) ?? {};
    if (isRecord(value)) return value;
    throw this.error(name, "as an object");
  }

  /** Throws when some of these keywords are there. */
  without(names: readonly string[], beside: string): void {
    const other = names.find((name) => this.has(name));
    if (other !== undefined) throw this.refusal(other, `"${beside}" stands beside it`);
  }

  /** A whole number from 0 to `most`. */
  count(name: string, most: number): number | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (Number.isSafeInteger(value) && value as number >= 0 && value as number <= most) {
      return value as number;
    }
    throw this.error(name, most < Infinity ? `of 0 to ${most}` : "as a whole number");
  }

  numbers(names: readonly string[]): NumberBounds {
    const wrong = names.find((name) => this.has(name) && !Number.isFinite(this.raw(name)));
    if (wrong !== undefined) throw this.error(wrong, "as a number");
    return Object.fromEntries(names.map((name) => [name, this.raw(name)]));
  }

  /** Runs `make`; the `RangeError` or `TypeError` that it throws is told of the keyword. */
  within<T>(name: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (error instanceof GrammarTooLarge) throw error;
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
      throw this.refusal(name, error.message);
    }
  }

  /** The error for a keyword that is right, but cannot be kept. */
  refusal(name: string, why: string): TypeError {
    return new TypeError(`${this.#named(name)} cannot be kept: ${why}`);
  }

  /** The error for a keyword that is not as it should be. */
  error(name: string, wanted: string): TypeError {
    return new TypeError(`${this.#named(name)} is wrong: pass one ${wanted}`);
  }

  #named(name: string): string {
    const path = name === "" ? this.path : `${this.path}/${name}`;
    return path === "" ? "The schema" : `The schema's "${path}"`;
  }
}
