import { assert, assertStringIncludes, assertThrows } from "@std/assert";
import { Grammar } from "../src/grammar/grammar.ts";
import { textsOf } from "./grammar_texts.ts";

const kind = (name: string) => ({ const: name, enum: [name], type: "string" });
const animal = (name: string) => ({
  type: "object",
  properties: { kind: kind(name) },
  required: ["kind"],
});

/** Schemas as libraries of OpenAI's clients write them, and texts that are and are not of them. */
const SCHEMAS: Readonly<Record<string, [schema: object, good: string[], bad: string[]]>> = {
  "a literal, as pydantic has it": [kind("cat"), ['"cat"'], ['"dog"']],
  "a union that a property tells apart, as pydantic has it": [
    {
      oneOf: [{ $ref: "#/$defs/Cat" }, { $ref: "#/$defs/Dog" }],
      discriminator: { propertyName: "kind", mapping: { cat: "#/$defs/Cat", dog: "#/$defs/Dog" } },
      $defs: { Cat: animal("cat"), Dog: animal("dog") },
    },
    ['{"kind": "cat"}', '{"kind": "dog"}'],
    ['{"kind": "fox"}', "{}"],
  ],
  "a set of an enumeration, as pydantic has it": [
    {
      type: "array",
      items: { $ref: "#/$defs/Color" },
      uniqueItems: true,
      $defs: { Color: { enum: ["red", "blue"], type: "string" } },
    },
    ["[]", '["red"]', '["blue", "red"]'],
    ['["red", "red"]', '["green"]'],
  ],
  "values with titles of their own": [
    { oneOf: [{ const: "a", title: "A" }, { enum: ["b", 1] }] },
    ['"a"', '"b"', "1"],
    ['"c"'],
  ],
  "a reference with the escapes of addresses": [
    {
      $ref: "#/definitions/Record%3Cstring~1text%3E",
      definitions: { "Record<string/text>": { type: "null" } },
    },
    ["null"],
    ["1"],
  ],
};

for (const [name, [schema, good, bad]] of Object.entries(SCHEMAS)) {
  Deno.test(`Grammar.json() keeps ${name}`, async () => {
    const has = await textsOf(Grammar.json(schema));
    for (const text of good) assert(has(text), `it lacks ${text}`);
    for (const text of bad) assert(!has(text), `it has ${text}`);
  });
}

/** Schemas that are refused, and a part of the sentence, which blames nothing that is not there. */
const REFUSED: readonly [schema: unknown, words: string][] = [
  [
    { properties: Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`name ${i}`, {}])) },
    "The grammar is too large, with more than 65536 characters",
  ],
  [{ properties: { a: false } }, '"/properties/a" is false, which no value validates'],
  [{ type: "integer", minimum: 1e15 }, '"/minimum" cannot be kept: no whole number of at most 15'],
  [{ const: "a", enum: ["b"] }, '"/const" is wrong'],
  [{ $ref: "#/$defs/100%" }, '"/$ref" is wrong'],
  [{ oneOf: [{ enum: [1, 2] }, { const: 2 }] }, '"/oneOf" is wrong'],
  [{ oneOf: [{ $ref: "#" }, { type: "null" }] }, '"/oneOf" is wrong'],
];

Deno.test("Grammar.json() blames what is at fault in a schema", () => {
  for (const [schema, words] of REFUSED) {
    assertStringIncludes(assertThrows(() => Grammar.json(schema), TypeError).message, words);
  }
});
