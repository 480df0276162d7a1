/**
 * The types of JSON schemas.
 *
 * @module
 */
import type { SchemaFields } from "./schema_fields.ts";

/** Whether a value is of a type as schemas name it. */
export function isOfType(value: unknown, type: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (value === null) return type === "null";
  return (Array.isArray(value) ? "array" : typeof value) === type;
}

/** `oneOf` can be kept where no value is of two of its schemas, as their types tell. */
export function expectDistinct(fields: SchemaFields, choices: readonly unknown[]): void {
  const types = choices.flatMap((choice) => {
    const { type } = Object(choice);
    const all = Array.isArray(type) ? type : [type];
    return [...new Set(all.map((type) => type === "integer" ? "number" : type))];
  });
  if (!types.includes(undefined) && new Set(types).size === types.length) return;
  throw fields.error("oneOf", "with schemas of different types, or anyOf in its place");
}
