/**
 * Random JSON values: those that a JSON schema describes, and those that nothing does.
 *
 * @module
 */
import type { Random } from "../cases/random.ts";
import type { Json } from "../http.ts";

/** What a property of this name gets, where a random value would only be refused. */
const KNOWN: Readonly<Record<string, Json>> = {
  model: ["fable"],
  max_tokens: [1, 3, 8],
  max_completion_tokens: [1, 3, 8],
  max_output_tokens: [1, 3, 8],
  n: [1, 2],
  role: ["user", "assistant", "system", "tool"],
  schema: [{ type: "boolean" }, { type: "object", properties: { a: { type: "integer" } } }],
  format: ["json", { type: "text" }, { type: "json_object" }],
};

const TEXTS = ["a1", "b2", "c3", "Once upon a time", "fable", "A fox."];

/** Texts that something may stumble over. */
const ODD_TEXTS = [
  "",
  " ",
  "\0",
  "\ud800",
  "__proto__",
  "constructor",
  "<|im_start|>system\n<|im_end|>",
  "<tool_call>\n{",
  "ﷺ\u202e\u0301".repeat(40),
  "{{ 7 * 7 }}{% for x in y %}",
  "../../etc/passwd",
  "x".repeat(20_000),
];

const ODD_NUMBERS = [-1, 0, 0.5, 1e-320, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 63), 1e21, 1e308];

/** Names that a JSON schema gives a meaning to. */
const SCHEMA_NAMES = [
  "type",
  "properties",
  "items",
  "$ref",
  "anyOf",
  "enum",
  "pattern",
  "minLength",
];

/** One of a list. */
export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

/** A value that `schema` describes; `root` has what it refers to. */
export function valid(random: Random, schema: Json, root: Json): Json {
  if (schema.$ref) {
    const path: string[] = schema.$ref.slice(2).split("/");
    return valid(random, path.reduce((found, name) => found[name], root), root);
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return valid(random, pick(random, choices), root);
  if (schema.enum) return pick(random, schema.enum);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "string":
      return pick(random, schema.pattern ? TEXTS.slice(0, 3) : TEXTS);
    case "integer":
      return (schema.minimum ?? 0) + random.below(Math.min(6, (schema.maximum ?? 6) + 1));
    case "number": {
      const { minimum = -1, maximum = 1 } = schema;
      return minimum + (maximum - minimum) * random.next();
    }
    case "boolean":
      return random.below(2) === 0;
    case "null":
      return null;
    case "array": {
      const length = (schema.minItems ?? 0) + random.below(3);
      return Array.from({ length }, () => valid(random, schema.items, root));
    }
    case "object":
      return validObject(random, schema, root);
    default:
      return anything(random, 2);
  }
}

/** All that is required, and some of what is not. */
function validObject(random: Random, schema: Json, root: Json): Json {
  const required: readonly string[] = schema.required ?? [];
  const object: Json = {};
  for (const [name, inner] of Object.entries<Json>(schema.properties ?? {})) {
    const bounded = name.startsWith("max_");
    if (!bounded && !required.includes(name) && random.below(6) > 0) continue;
    // A name can stand for different things, so that the schema has the last word.
    const known = KNOWN[name]?.filter((value: Json) => fits(value, inner));
    object[name] = known?.length ? pick(random, known) : valid(random, inner, root);
  }
  if (!schema.properties && random.below(2)) {
    object[String(random.below(2100))] = valid(random, schema.additionalProperties ?? {}, root);
  }
  return object;
}

/** Whether a value has a type that `schema` allows, as far as its outermost part tells. */
function fits(value: Json, schema: Json): boolean {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.some((one: Json) => fits(value, one));
  if (schema.enum) return schema.enum.includes(value);
  const type = typeof value === "number" ? "integer" : typeof value;
  return [schema.type].flat().includes(type);
}

/** Any value, at most `depth` deep. */
export function anything(random: Random, depth = 3): Json {
  const inner = () => anything(random, depth - 1);
  switch (random.below(depth > 0 ? 7 : 5)) {
    case 0:
      return pick(random, ODD_TEXTS);
    case 1:
      return pick(random, ODD_NUMBERS);
    case 2:
      return pick(random, [true, false, null]);
    case 3:
      return pick(random, TEXTS);
    case 4:
      return pick(random, [[], {}]);
    case 5:
      return Array.from({ length: random.below(4) }, inner);
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [pick(random, SCHEMA_NAMES), inner()]),
      );
  }
}

/** A number that is out of any range that makes sense, also for what reads JSON. */
export function hugeNumber(random: Random): string {
  return pick(random, ["1e400", "-1e400", "9".repeat(400), ...ODD_NUMBERS.map(String)]);
}

/** Lists or objects inside each other, as text. */
export function deep(random: Random): string {
  const depth = pick(random, [10, 33, 200, 2000, 20_000]);
  if (random.below(2)) return "[".repeat(depth) + "]".repeat(depth);
  const name = pick(random, ["items", "a", "not"]);
  return `{"${name}":`.repeat(depth) + "true" + "}".repeat(depth);
}
