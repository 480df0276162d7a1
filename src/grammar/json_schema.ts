/**
 * JSON schemas as grammars. Every text of the grammar is a value of the schema, though not every
 * value has a text in it: properties come in the schema's order, those that it does not name only
 * where `additionalProperties` asks for them, numbers have no exponent, and there are no line
 * breaks. What cannot be kept is refused by name.
 *
 * @module
 */
import { patternOf } from "./formats.ts";
import { JsonValues, type OtherProperties, type Property } from "./json_values.ts";
import { integer, number } from "./numbers.ts";
import { References } from "./references.ts";
import { oneOf, type Rules } from "./rules.ts";
import { SchemaFields } from "./schema_fields.ts";
import { expectDistinct, isOfType } from "./schema_types.ts";

/** Schemas inside each other, references included: the matcher's stack is small. */
const MOST_DEPTH = 32;
/** Items that a list can be bound to have. */
const MOST_ITEMS = 1000;
/** Items that can be told to be different. */
const MOST_DISTINCT = 6;

const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
type JsonType = typeof TYPES[number];

const NUMBERS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

/** The keywords of each type. */
const KEYWORDS: Readonly<Record<JsonType, readonly string[]>> = {
  object: [
    "properties",
    "required",
    "additionalProperties",
    "propertyNames",
    "patternProperties",
    "minProperties",
    "maxProperties",
  ],
  array: ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"],
  string: ["minLength", "maxLength", "pattern"],
  number: NUMBERS,
  integer: NUMBERS,
  boolean: [],
  null: [],
};

/** Turns schemas into expressions over one set of rules. */
export class SchemaGrammar {
  readonly #values: JsonValues;
  readonly #rules: Rules;
  readonly #root: unknown;
  readonly #references: References;
  /** Names of the rules of what `$ref` refers to. */
  readonly #named = new Map<string, string>();

  #depth = 0;

  /** `root` is what references are looked up in. */
  constructor(rules: Rules, root: unknown) {
    this.#rules = rules;
    this.#values = new JsonValues(rules);
    this.#root = root;
    this.#references = new References(root);
  }

  /** The expression of the root. Throws a `TypeError` that names what cannot be kept. */
  expression(): string {
    const expression = this.#value(this.#root, "", undefined);
    this.#references.expectEnds();
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
    if (kind === "const" || kind === "enum") {
      const values = this.#listed(fields, kind).map((value) => this.#values.constant(value));
      return this.#rules.add(oneOf(values));
    }
    const choices = kind === "$ref" ? [] : fields.list(kind);
    if (kind === "allOf" && choices.length > 1) throw fields.error(kind, "with one schema only");
    fields.allow([kind]);
    if (kind === "$ref") return this.#reference(fields, owner);
    if (kind === "oneOf") {
      expectDistinct(fields, choices, (schema) => this.#references.resolved(schema));
    }
    return oneOf(choices.map((choice, i) => this.#value(choice, `${path}/${kind}/${i}`, owner)));
  }

  #typed(fields: SchemaFields): string {
    const given = fields.raw("type");
    const inferred = TYPES.filter((type) =>
      type !== "integer" && KEYWORDS[type].some((name) => fields.has(name))
    );
    if (given === undefined && inferred.length === 0 && fields.has("format")) {
      inferred.push("string");
    }
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
      case "string":
        return this.#string(fields);
      case "number":
      case "integer": {
        const bounds = fields.numbers(NUMBERS);
        const expression = type === "number" ? number : integer;
        const named = NUMBERS.findLast((name) => fields.has(name)) ?? "type";
        return fields.within(named, () => expression(this.#rules, bounds));
      }
      case "boolean":
        return oneOf([this.#values.constant(true), this.#values.constant(false)]);
      case "null":
        return this.#values.constant(null);
    }
  }

  #string(fields: SchemaFields): string {
    const named = ["pattern", "format"].find((name) => fields.has(name));
    if (named !== undefined) {
      fields.without(["minLength", "maxLength"], named);
      const pattern = patternOf(fields);
      return fields.within(named, () => this.#values.matching(pattern));
    }
    const least = fields.count("minLength", Infinity);
    const most = fields.count("maxLength", Infinity);
    const bound = most === undefined ? "minLength" : "maxLength";
    return fields.within(bound, () => this.#values.string(least, most));
  }

  #object(fields: SchemaFields): string {
    const least = fields.count("minProperties", MOST_ITEMS);
    const most = fields.count("maxProperties", MOST_ITEMS);
    const { named, other } = this.#properties(fields);
    return fields.within(
      most === undefined ? "minProperties" : "maxProperties",
      () =>
        this.#values.object(named, other, {
          ...least === undefined ? {} : { least },
          ...most === undefined ? {} : { most },
        }),
    );
  }

  /** The properties that have names, and what others there may be. */
  #properties(fields: SchemaFields): { named: Property[]; other?: OtherProperties } {
    const at = (name: string) => `${fields.path}/${name}`;
    const required = fields.list("required", []);
    if (!required.every((name) => typeof name === "string")) {
      throw fields.error("required", "as a list of texts");
    }
    const names = fields.has("propertyNames")
      ? new SchemaFields(fields.raw("propertyNames"), at("propertyNames"))
      : undefined;
    const patterns = Object.entries(fields.record("patternProperties"));
    const more = fields.raw("additionalProperties");
    if (patterns.length > 0) {
      fields.without(["properties", "required", "propertyNames"], "patternProperties");
      const [[pattern, schema]] = patterns as [[string, unknown]];
      if (patterns.length > 1 || more !== false) {
        throw fields.error("patternProperties", "pattern, and additionalProperties as false");
      }
      const name = fields.within("patternProperties", () => this.#values.matching(pattern));
      const value = this.#value(schema, at("patternProperties"), undefined);
      return { named: [], other: { name, value } };
    }
    let properties = fields.record("properties");
    if (names?.has("enum")) {
      fields.without(["properties"], "propertyNames");
      properties = Object.fromEntries(
        this.#listed(names, "enum").filter((name) => typeof name === "string").map((
          name,
        ) => [name, more ?? true]),
      );
    }
    const isBare = !fields.has("properties") && !fields.has("required") && !names?.has("enum");
    const others = names?.has("enum") ? false : more ?? isBare;
    const value = others === false
      ? undefined
      : this.#value(others, at("additionalProperties"), undefined);
    const named = Object.entries(properties).map(([name, schema]) => ({
      name,
      value: this.#value(schema, at(`properties/${name}`), undefined),
      required: required.includes(name),
    }));
    const unnamed = required.filter((name) => !Object.hasOwn(properties, name as string));
    if (unnamed.length > 0 && (more === false || names?.has("enum"))) {
      throw fields.error("required", "without names that are forbidden");
    }
    const added = [...new Set(unnamed)].map((name) => ({
      name: name as string,
      value: value ?? this.#values.any(),
      required: true,
    }));
    const all = [...named, ...added];
    if (value === undefined) return { named: all };
    if (!names) return { named: all, other: { value } };
    fields.without(["properties", "required"], "propertyNames");
    names.allow(["type", ...KEYWORDS.string]);
    return { named: [], other: { name: this.#string(names), value } };
  }

  #array(fields: SchemaFields): string {
    const least = fields.count("minItems", MOST_ITEMS) ?? 0;
    const most = fields.count("maxItems", MOST_ITEMS) ?? Infinity;
    const given = fields.raw("items");
    const prefix = fields.list("prefixItems", []);
    const unique = fields.raw("uniqueItems") ?? false;
    if (typeof unique !== "boolean") throw fields.error("uniqueItems", "as true or false");
    if (unique && most > 1) {
      const items = prefix.length > 0 ? [] : this.#distinctItems(given, `${fields.path}/items`);
      if (items.length > 0) {
        return fields.within("minItems", () => this.#values.distinct(items, least, most));
      }
      throw fields.refusal(
        "uniqueItems",
        `give items an enum of at most ${MOST_DISTINCT} texts, numbers, booleans and null`,
      );
    }
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

  /** The items that a list of different ones is of, where they are few and easy to compare. */
  #distinctItems(given: unknown, path: string): string[] {
    const schema = this.#references.resolved(given);
    if (!Object.hasOwn(Object(schema), "enum")) return [];
    const values = this.#listed(new SchemaFields(schema, path), "enum");
    if (values.some((value) => typeof value === "object" && value !== null)) return [];
    const different = [...new Set(values)];
    return different.length > MOST_DISTINCT
      ? []
      : different.map((value) => this.#values.constant(value));
  }

  /** Values that are listed; those of other types than the schema's are none of them. */
  #listed(fields: SchemaFields, kind: "const" | "enum"): unknown[] {
    fields.allow(["const", "enum", "type"]);
    const type = fields.raw("type");
    const types = Array.isArray(type) ? type : [type];
    const both = fields.has("const") && fields.has("enum") ? fields.list("enum") : undefined;
    const listed = kind === "const" ? [fields.raw(kind)] : fields.list(kind);
    const values = listed.filter((value) =>
      (type === undefined || types.some((type) => isOfType(value, type))) &&
      (both?.includes(value) ?? true)
    );
    if (values.length === 0) throw fields.error(kind, "with a value of its type");
    return values;
  }

  #reference(fields: SchemaFields, owner: string | undefined): string {
    const reference = this.#references.read(fields, owner);
    const known = this.#named.get(reference);
    if (known !== undefined) return known;
    const name = this.#rules.reserve();
    this.#named.set(reference, name);
    const target = this.#references.target(reference);
    if (target === undefined) throw fields.error("$ref", "to something that is there");
    this.#rules.define(name, this.#value(target, reference.slice(1), reference));
    return name;
  }
}
