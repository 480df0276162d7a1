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

/**
 * `oneOf` can be kept where no value is of two of its schemas, as far as can be told. `resolved`
 * follows references.
 */
export function expectDistinct(
  fields: SchemaFields,
  choices: readonly unknown[],
  resolved: (schema: unknown) => unknown,
): void {
  const schemas = choices.map(resolved);
  const areDistinct = schemas.every((one, i) =>
    schemas.slice(i + 1).every((other) =>
      haveOtherTypes(one, other) || haveOtherValues(one, other) || haveOtherTags(one, other)
    )
  );
  if (areDistinct) return;
  const wanted =
    "with schemas of different types or listed values, or of objects that the values " +
    "of a required property tell apart, or anyOf in its place";
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

/** Whether both list their values, and none in common. */
function haveOtherValues(one: unknown, other: unknown): boolean {
  const [values, others] = [listedBy(one), listedBy(other)];
  return values !== undefined && others !== undefined && values.isDisjointFrom(others);
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
    const values = required.includes(name) ? listedBy(property) : undefined;
    return values ? [[name, values] as const] : [];
  });
  return new Map(tags);
}

/** The values that a schema lists, as JSON, where it lists any and they are easy to compare. */
function listedBy(schema: unknown): ReadonlySet<string> | undefined {
  const fields = Object(schema);
  const listed = fields.const === undefined ? fields.enum : [fields.const];
  // Objects are equal whatever the order of their properties.
  const isComparable = (value: unknown) => typeof value !== "object" || value === null;
  if (!Array.isArray(listed) || !listed.every(isComparable)) return undefined;
  return new Set(listed.map((value) => JSON.stringify(value)));
}
