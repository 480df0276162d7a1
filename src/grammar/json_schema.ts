/**
 * JSON schemas as grammars. Every text of the grammar is a value of the schema, though not every
 * value has a text in it: properties come in the schema's order, those that it does not name only
 * where `additionalProperties` asks for them, numbers have no exponent, and there are no line
 * breaks. What cannot be kept is refused by name.
 *
 * @module
 */
import { JsonValues } from "./json_values.ts";
import { integer, number } from "./numbers.ts";
import { oneOf, type Rules } from "./rules.ts";
import { SchemaFields } from "./schema_fields.ts";

/** Schemas inside each other, references included: the matcher's stack is small. */
const MOST_DEPTH = 32;
/** Items that a list can be bound to have. */
const MOST_ITEMS = 1000;

const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
type JsonType = typeof TYPES[number];

/** The keywords of each type. */
const KEYWORDS: Readonly<Record<JsonType, readonly string[]>> = {
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "prefixItems", "minItems", "maxItems"],
  string: ["minLength", "maxLength"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  integer: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  boolean: [],
  null: [],
};

/** Turns schemas into expressions over one set of rules. */
export class SchemaGrammar {
  readonly #values: JsonValues;
  readonly #rules: Rules;
  readonly #root: unknown;
  /** Names of the rules of what `$ref` refers to. */
  readonly #named = new Map<string, string>();
  /** References that a value consists of: of each reference, those that take its place. */
  readonly #same = new Map<string, Set<string>>();

  #depth = 0;

  /** `root` is what references are looked up in. */
  constructor(rules: Rules, root: unknown) {
    this.#rules = rules;
    this.#values = new JsonValues(rules);
    this.#root = root;
  }

  /** The expression of the root. Throws a `TypeError` that names what cannot be kept. */
  expression(): string {
    const expression = this.#value(this.#root, "", undefined);
    this.#expectEnds();
    return expression;
  }

  /** `owner` is the reference that this schema takes the place of. */
  #value(schema: unknown, path: string, owner: string | undefined): string {
    if (schema === true) return this.#values.any();
    if (this.#depth === MOST_DEPTH) {
      throw new TypeError(`The schema is more than ${MOST_DEPTH} schemas deep: nest it less`);
    }
    this.#depth++;
    const expression = this.#expression(schema, path, owner);
    this.#depth--;
    return expression;
  }

  #expression(schema: unknown, path: string, owner: string | undefined): string {
    const fields = new SchemaFields(schema, path);
    const alternatives = ["$ref", "const", "enum", "anyOf", "oneOf", "allOf"];
    const kind = alternatives.find((name) => fields.has(name));
    if (!kind) return this.#typed(fields);
    if (kind === "const" || kind === "enum") return this.#listed(fields, kind);
    fields.allow([kind]);
    if (kind === "$ref") return this.#reference(fields, owner);
    const choices = fields.list(kind);
    if (kind === "allOf" && choices.length > 1) throw fields.error(kind, "with one schema only");
    if (kind === "oneOf") expectDistinct(fields, choices);
    return oneOf(choices.map((choice, i) => this.#value(choice, `${path}/${kind}/${i}`, owner)));
  }

  #typed(fields: SchemaFields): string {
    const given = fields.raw("type");
    const inferred = TYPES.filter((type) =>
      type !== "integer" && KEYWORDS[type].some((name) => fields.has(name))
    );
    const types = given === undefined ? inferred : Array.isArray(given) ? given : [given];
    const wrong = types.find((type) => !TYPES.includes(type));
    if (wrong !== undefined || Array.isArray(given) && given.length === 0) {
      throw fields.error("type", `as one of ${TYPES.join(", ")}, or a list of them`);
    }
    fields.allow(["type", ...types.flatMap((type) => KEYWORDS[type as JsonType])]);
    if (types.length === 0) return this.#values.any();
    return oneOf(types.map((type) => this.#ofType(type as JsonType, fields)));
  }

  #ofType(type: JsonType, fields: SchemaFields): string {
    switch (type) {
      case "object":
        return this.#object(fields);
      case "array":
        return this.#array(fields);
      case "string": {
        const least = fields.count("minLength", Infinity);
        const most = fields.count("maxLength", Infinity);
        const named = most === undefined ? "minLength" : "maxLength";
        return fields.within(named, () => this.#values.string(least, most));
      }
      case "number":
        return fields.within("type", () => number(this.#rules, fields.numbers(KEYWORDS.number)));
      case "integer":
        return fields.within("type", () => integer(this.#rules, fields.numbers(KEYWORDS.integer)));
      case "boolean":
        return oneOf([this.#values.constant(true), this.#values.constant(false)]);
      case "null":
        return this.#values.constant(null);
    }
  }

  #object(fields: SchemaFields): string {
    const properties = fields.record("properties");
    const required = fields.list("required", []);
    if (!required.every((name) => typeof name === "string")) {
      throw fields.error("required", "as a list of texts");
    }
    const isBare = !fields.has("properties") && !fields.has("required");
    const other = fields.raw("additionalProperties") ?? isBare;
    const at = (name: string) => `${fields.path}/${name}`;
    const value = other === false
      ? undefined
      : this.#value(other, at("additionalProperties"), undefined);
    const named = Object.entries(properties).map(([name, schema]) => ({
      name,
      value: this.#value(schema, at(`properties/${name}`), undefined),
      required: required.includes(name),
    }));
    const unnamed = required.filter((name) => !Object.hasOwn(properties, name as string));
    if (unnamed.length > 0 && fields.raw("additionalProperties") === false) {
      throw fields.error("required", "without names that additionalProperties forbids");
    }
    const added = [...new Set(unnamed)].map((name) => ({
      name: name as string,
      value: value ?? this.#values.any(),
      required: true,
    }));
    return this.#values.object([...named, ...added], value);
  }

  #array(fields: SchemaFields): string {
    const least = fields.count("minItems", MOST_ITEMS) ?? 0;
    const most = fields.count("maxItems", MOST_ITEMS) ?? Infinity;
    const given = fields.raw("items");
    const prefix = fields.list("prefixItems", []);
    const first = prefix.slice(0, most).map((schema, i) =>
      this.#value(schema, `${fields.path}/prefixItems/${i}`, undefined)
    );
    const rest = { least: Math.max(least - first.length, 0), most: most - first.length };
    const mayHaveMore = (given ?? prefix.length === 0) !== false && rest.most > 0;
    if (least > most || !mayHaveMore && rest.least > 0) {
      throw fields.error("minItems", "that the list can have");
    }
    const item = mayHaveMore
      ? this.#value(given ?? true, `${fields.path}/items`, undefined)
      : undefined;
    return this.#values.array(item, { first, ...rest });
  }

  /** Values that are listed; those of other types than the schema's are none of them. */
  #listed(fields: SchemaFields, kind: "const" | "enum"): string {
    fields.allow([kind, "type"]);
    const type = fields.raw("type");
    const types = Array.isArray(type) ? type : [type];
    const listed = kind === "const" ? [fields.raw(kind)] : fields.list(kind);
    const values = listed.filter((value) =>
      type === undefined || types.some((type) => isOfType(value, type))
    );
    if (values.length === 0) throw fields.error(kind, "with a value of its type");
    return this.#rules.add(oneOf(values.map((value) => this.#values.constant(value))));
  }

  #reference(fields: SchemaFields, owner: string | undefined): string {
    const reference = fields.raw("$ref");
    if (typeof reference !== "string" || !/^#(\/[^%]*)?$/.test(reference)) {
      throw fields.error("$ref", 'that begins with "#/"');
    }
    if (owner !== undefined) {
      this.#same.set(owner, (this.#same.get(owner) ?? new Set()).add(reference));
    }
    const known = this.#named.get(reference);
    if (known !== undefined) return known;
    const name = this.#rules.reserve();
    this.#named.set(reference, name);
    const steps = reference.split("/").slice(1).map((step) =>
      step.replaceAll("~1", "/").replaceAll("~0", "~")
    );
    const target = steps.reduce<unknown>((value, step) => {
      const found = Object(value);
      return Object.hasOwn(found, step) ? found[step] : undefined;
    }, this.#root);
    if (target === undefined) throw fields.error("$ref", "to something that is there");
    this.#rules.define(name, this.#value(target, reference.slice(1), reference));
    return name;
  }

  /** Throws when a reference leads to itself and nothing else. */
  #expectEnds(): void {
    const ended = new Set<string>();
    const visit = (reference: string, above: ReadonlySet<string>) => {
      if (above.has(reference)) {
        throw new TypeError(`The schema's "${reference}" is defined by itself: give it a type`);
      }
      if (ended.has(reference)) return;
      const all = new Set(above).add(reference);
      for (const next of this.#same.get(reference) ?? []) visit(next, all);
      ended.add(reference);
    };
    for (const reference of this.#same.keys()) visit(reference, new Set());
  }
}

function isOfType(value: unknown, type: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (value === null) return type === "null";
  return (Array.isArray(value) ? "array" : typeof value) === type;
}

/** `oneOf` can be kept where no value is of two of its schemas, as their types tell. */
function expectDistinct(fields: SchemaFields, choices: readonly unknown[]): void {
  const types = choices.flatMap((choice) => {
    const { type } = Object(choice);
    const all = Array.isArray(type) ? type : [type];
    return [...new Set(all.map((type) => type === "integer" ? "number" : type))];
  });
  if (!types.includes(undefined) && new Set(types).size === types.length) return;
  throw fields.error("oneOf", "with schemas of different types, or anyOf in its place");
}
