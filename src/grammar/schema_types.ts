/**
 * The types of JSON schemas.
 *
 * @module
 */
import { isRecord } from "../json_fields.ts";
import type { SchemaFields } from "./schema_fields.ts";

/** Whether a value is of a type as schemas name it. */
export function isOfType(value: unknown, type: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (value === null) return type === "null";
  return (Array.isArray(value) ? "array" : typeof value) === type;
}

/** `oneOf` can be kept where no value is of two of its schemas, as far as can be told. */
export function expectDistinct(fields: SchemaFields, choices: readonly unknown[]): void {
  const areDistinct = choices.every((one, i) =>
    choices.slice(i + 1).every((other) => haveOtherTypes(one, other) || haveOtherTags(one, other))
  );
  if (areDistinct) return;
  const wanted = "with schemas of different types, or of objects that the values of a required " +
    "property tell apart, or anyOf in its place";
  throw fields.error("oneOf", wanted);
}

function haveOtherTypes(one: unknown, other: unknown): boolean {
  const [types, others] = [one, other].map((schema) => {
    const { type } = Object(schema);
    const all: unknown[] = Array.isArray(type) ? type : [type];
    return all.map((type) => type === "integer" ? "number" : type);
  }) as [unknown[], unknown[]];
  return ![...types, ...others].includes(undefined) && !types.some((type) => others.includes(type));
}

/** Whether objects have to have a property of which they list different values. */
function haveOtherTags(one: unknown, other: unknown): boolean {
  const [tags, others] = [tagsOf(one), tagsOf(other)];
  return [...tags].some(([name, values]) => others.get(name)?.isDisjointFrom(values));
}

/** The values that an object's required properties list, as JSON. */
function tagsOf(schema: unknown): ReadonlyMap<string, ReadonlySet<string>> {
  const { type, properties, required } = Object(schema);
  if (type !== "object" || !isRecord(properties) || !Array.isArray(required)) return new Map();
  const tags = Object.entries(properties).flatMap(([name, property]) => {
    const fields = Object(property);
    const listed = fields.const === undefined ? fields.enum : [fields.const];
    if (!required.includes(name) || !Array.isArray(listed)) return [];
    // Objects are equal whatever the order of their properties.
    if (listed.some((value) => typeof value === "object" && value !== null)) return [];
    return [[name, new Set(listed.map((value) => JSON.stringify(value)))] as const];
  });
  return new Map(tags);
}
