import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Ajv2020 as Ajv } from "ajv/dist/2020.js";
import { Grammar } from "../src/grammar/grammar.ts";
import type { GenerateOptions } from "../src/options.ts";
import { loadFable } from "./fable.ts";
import { textsOf } from "./grammar_texts.ts";
import { checkSchemas, generate } from "./schemas.ts";

Deno.test("generate() gives values of random schemas", async () => {
  await using runtime = await loadFable({ sessions: 16 });
  await checkSchemas(runtime, 20);
});

/** Schemas that are refused, and a part of the sentence. */
const REFUSED: readonly [schema: unknown, words: string][] = [
  [null, "The schema is no schema"],
  [{ type: "text" }, '"/type" is wrong: pass one as one of object'],
  [{ type: "array", uniqueItems: true }, '"/uniqueItems" cannot be kept: give items an enum'],
  [{ type: "array", items: { enum: [[1], 2] }, uniqueItems: true }, '"/uniqueItems" cannot'],
  [{ type: "array", uniqueItems: 1 }, '"/uniqueItems" is wrong'],
  [{ items: { enum: [1, 2] }, uniqueItems: true, minItems: 3 }, "fewer different items"],
  [{ properties: { a: { type: "number", multipleOf: 0.1 } } }, '"/properties/a/multipleOf" cannot'],
  [{ type: "integer", multipleOf: 51 }, "only multiples of 1 to 50"],
  [{ type: "integer", multipleOf: 2, minimum: 0 }, "more than 256 multiples"],
  [{ type: "integer", multipleOf: 7, minimum: 1, maximum: 6 }, "no multiple lies"],
  [
    { type: "string", pattern: "a(?!b)" },
    '"/pattern" cannot be kept: The regular expression looks',
  ],
  [{ type: "string", pattern: 1 }, '"/pattern" is wrong: pass one as a text'],
  [{ type: "string", pattern: "a", minLength: 1 }, '"/minLength" cannot be kept: "pattern" stands'],
  [{ type: "string", pattern: "(?=a)", format: "duration" }, "The regular expression looks"],
  [{ type: "integer", pattern: "a" }, '"/pattern" cannot be kept here'],
  [{ format: "password" }, '"/format" is wrong: pass one of date, time, date-time'],
  [{ properties: {}, minProperties: 1 }, '"/minProperties" cannot be kept: no object has so many'],
  [{ type: "object", minProperties: 2 }, "no object has so many"],
  [{ properties: { a: {}, b: {} }, required: ["a", "b"], maxProperties: 1 }, "no object has"],
  [{ type: "object", patternProperties: { a: {} } }, '"/patternProperties" is wrong'],
  [
    { properties: {}, propertyNames: { pattern: "a" }, additionalProperties: true },
    '"/properties"',
  ],
  [{ propertyNames: { anyOf: [] } }, '"/propertyNames/anyOf" cannot be kept here'],
  [{ not: { type: "null" } }, '"/not" cannot be kept'],
  [{ type: "string", maxLength: 5000 }, "at most 1000 characters"],
  [{ type: "string", minLength: 3, maxLength: 2 }, "its least length is more"],
  [{ type: "string", minLength: -1 }, '"/minLength" is wrong: pass one as a whole number'],
  [{ type: "array", minItems: 2, maxItems: 1 }, '"/minItems"'],
  [{ type: "array", prefixItems: [{}], items: false, minItems: 2 }, '"/minItems"'],
  [{ type: "integer", minimum: 1.2, maximum: 1.8 }, "no whole number"],
  [{ type: "number", minimum: 2, maximum: 1 }, "no number of at most 15 digits lies"],
  [{ type: "number", minimum: 1e-30 }, "too many digits"],
  [{ type: "number", minimum: "0" }, '"/minimum" is wrong: pass one as a number'],
  [{ enum: [] }, '"/enum" is wrong'],
  [{ type: "string", enum: [1] }, "with a value of its type"],
  [{ oneOf: [{ type: "number" }, { type: "integer" }] }, '"/oneOf"'],
  [{ allOf: [{}, {}] }, '"/allOf"'],
  [{ anyOf: [{}], type: "string" }, '"/type" cannot be kept here'],
  [{ $ref: "#/$defs/none" }, "to something that is there"],
  [{ $ref: "other.json" }, '"/$ref"'],
  [{ $ref: "#" }, '"#" is defined by itself'],
  [
    {
      $ref: "#/$defs/a",
      $defs: { a: { anyOf: [{ type: "null" }, { $ref: "#/$defs/b" }] }, b: { $ref: "#/$defs/a" } },
    },
    "is defined by itself",
  ],
  [
    Array.from({ length: 40 }).reduce((inner) => ({ anyOf: [inner, { type: "null" }] }), {}),
    "more than 32 schemas deep",
  ],
  [{ required: ["a"], additionalProperties: false }, '"/required"'],
  [{ enum: Array.from({ length: 50_000 }, (_, i) => `value ${i}`) }, "too large"],
];

Deno.test("Grammar.json() names what of a schema it cannot keep", () => {
  for (const [schema, words] of REFUSED) {
    const error = assertThrows(() => Grammar.json(schema), JSON.stringify(schema).slice(0, 99));
    assert(error instanceof TypeError);
    assertStringIncludes(error.message, words);
  }
});

/** Schemas beyond the random ones. */
const SCHEMAS: readonly object[] = [
  {
    $ref: "#/$defs/list",
    $defs: { list: { type: ["object", "null"], properties: { next: { $ref: "#/$defs/list" } } } },
  },
  {
    type: "array",
    prefixItems: [{ const: "a" }, { type: "boolean" }],
    items: { type: "null" },
    maxItems: 4,
  },
  {
    oneOf: [{ type: "string", enum: ["x", 1] }, { type: "integer", minimum: -3, maximum: -1 }],
    title: "Either",
  },
  { type: "number", minimum: -0.25, maximum: -0.125 },
  { type: "number", minimum: 0, maximum: 1 },
  { type: "integer", exclusiveMinimum: -1, exclusiveMaximum: 1 },
  { allOf: [{ type: "array", items: { type: "array", maxItems: 0 }, minItems: 1, maxItems: 3 }] },
];

Deno.test("generate() gives values of schemas of every kind", async () => {
  await using runtime = await loadFable({ sessions: 9 });
  const ajv = new Ajv({ strictTypes: false, strictTuples: false, strictRequired: false });
  await Promise.all(SCHEMAS.map(async (schema) => {
    for (let seed = 0; seed < 3; seed++) {
      const options = { grammar: Grammar.json(schema), temperature: 1.5, topP: 1, seed };
      const text = await generate(runtime, options);
      const isValid = ajv.validate(schema, JSON.parse(text));
      assert(isValid, `${text} is not of ${JSON.stringify(schema)}: ${ajv.errorsText()}`);
    }
  }));
});

Deno.test("generate() is held to a grammar however it samples", async () => {
  await using runtime = await loadFable();
  const grammar = Grammar.json({ enum: ["fox", "wolf"] });
  const samplings: GenerateOptions[] = [
    { temperature: 0 },
    { temperature: 2, topK: 1 },
    { temperature: 1, topP: 0.1 },
    { temperature: 1, minP: 0.9 },
    { temperature: 0, repetitionPenalty: 2, ignoreEos: true },
    { temperature: 1, topLogprobs: 2, lookahead: 4 },
  ];
  for (const sampling of samplings) {
    const text = await generate(runtime, { grammar, seed: 1, ...sampling });
    assert(["fox", "wolf"].includes(JSON.parse(text)), text);
  }
});

Deno.test("generate() gives the same in a batch with others as alone", async () => {
  await using runtime = await loadFable({ sessions: 3 });
  const grammar = Grammar.json({
    type: "array",
    items: { type: "integer" },
    minItems: 4,
    maxItems: 9,
  });
  const options = { grammar, temperature: 1, topP: 1, seed: 4 };
  const alone = await generate(runtime, options);
  const free = { temperature: 1, seed: 4, maxTokens: 40, ignoreEos: true };
  await using other = await runtime.session();
  await other.append("Once", { logits: "none" });
  const [first, second] = await Promise.all([
    generate(runtime, options),
    generate(runtime, { ...options, grammar: Grammar.json({ type: "boolean" }) }),
    Array.fromAsync(other.generate(free)),
  ]);
  assertEquals(first, alone);
  assertEquals(typeof JSON.parse(second), "boolean");
});

Deno.test("generate() is free again after a generation with a grammar", async () => {
  await using runtime = await loadFable();
  await using session = await runtime.session();
  await session.append("Once upon a time", { logits: "none" });
  const held = session.generate({ grammar: Grammar.json(), maxTokens: 3, seed: 1 });
  assertEquals((await Array.fromAsync(held)).at(-1)?.finishReason, "length");
  const free = await Array.fromAsync(session.generate({ maxTokens: 30, temperature: 0 }));
  assertEquals(free.length, 30);
  assertThrows(() => JSON.parse(free.map(({ text }) => text).join("")));
});

/** Texts that are in a schema's grammar, and texts that are not. */
const TEXTS: readonly [schema: object, good: string[], bad: string[]][] = [
  [
    {
      properties: { ab: { const: 1 }, "aß": { const: 2 }, 'q"': { const: 3 } },
      required: ["ab"],
      additionalProperties: { enum: ["x"] },
    },
    [
      '{"ab": 1}',
      '{"ab": 1, "aß": 2, "q\\"": 3}',
      '{"ab": 1, "a": "x", "abc": "x", "": "x", "b": "x", "ac": "x", "aßß": "x", "ß": "x"}',
    ],
    [
      "{}",
      '{"ab": "x"}',
      '{"ab": 1, "ab": "x"}',
      '{"ab": 1, "a\\u0062": "x"}',
      '{"ab": 1, "aß": "x"}',
      '{"ab": 1, "c": 1}',
      '{"ab": 1, "c": "x",}',
      '{"ab": 1 }',
    ],
  ],
  [
    { required: ["ab", "b"], additionalProperties: { enum: [1, true] } },
    ['{"ab": 1, "b": true}', '{"ab": 1, "b": true, "c": 1}'],
    ['{"ab": 1}', '{"b": 1, "c": 1}', '{"ab": 1, "b": true, "b": 1}'],
  ],
  [
    { type: "string", minLength: 1, maxLength: 3 },
    ['"a"', '"äöü"', '"🦊🦊🦊"', '"\\n\\"\\\\"', '" ~\x7f"'],
    ['""', '"abcd"', '"\n"', '"\t"', '"\0"', '"""', '"\\"', '"\\x"', "a"],
  ],
  [{ type: "string" }, ['""', `"${"tale ".repeat(99)}"`], ['"', '"a', '"\u001f"']],
  [
    { type: "integer", minimum: -12, maximum: 105 },
    ["-12", "-9", "-1", "0", "7", "10", "99", "100", "105"],
    ["-13", "-20", "-0", "00", "01", "106", "110", "1000", "1.0", "1e1", "-", ""],
  ],
  [
    { type: "number", minimum: -0.25, maximum: 3 },
    ["-0.25", "-0.05", "0.00", "2.99", "2.999", "3.00"],
    ["-0.26", "-0.251", "-1.00", "3.001", "4.00", "3.", ".5", "03.00"],
  ],
  [
    { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 },
    ["0.01", "0.99", "0.5000", "0.989"],
    ["0.00", "0.001", "1.00", "-0.50"],
  ],
  [{ type: "number" }, ["0", "-0.5", "12.25"], ["1e5", "01", "1.", "+1", "NaN"]],
  [{ type: "array", maxItems: 0 }, ["[]"], ["[1]"]],
  [{ type: "array", items: { const: 1 }, minItems: 2 }, ["[1, 1]", "[1, 1, 1]"], ["[1]", "[1,1]"]],
  [
    { enum: ["\b\f\\b", { a: [1, { b: null }] }] },
    ['{"a": [1, {"b": null}]}', '"\\b\\f\\\\b"'],
    [],
  ],
  [
    { type: "string", pattern: '^[^a]"|\\\\$' },
    ['"b\\""', '"é\\""', '"\\\\"'],
    ['"a\\""', '"b"', '"\\\\a"', '""'],
  ],
  [
    { type: "string", format: "date" },
    ['"2024-02-28"', '"1999-12-31"'],
    ['"2023-02-29"', '"2023-04-31"', '"2023-1-1"', '"x"'],
  ],
  [
    { type: "integer", multipleOf: 6 },
    ["0", "6", "-12", "123456"],
    ["1", "-0", "00", "8", "06", "-", "", "6000000000"],
  ],
  [{ type: "integer", multipleOf: 250 }, ["0", "250", "-1500"], ["25", "100", "251"]],
  [
    { type: "number", multipleOf: 5, minimum: -7, exclusiveMaximum: 10 },
    ["-5", "0", "5"],
    ["-10", "-0", "10", "2"],
  ],
  [
    { type: "array", items: { enum: ["a", 1, "a"] }, uniqueItems: true, minItems: 1 },
    ['["a"]', '[1, "a"]', '["a", 1]'],
    ["[]", '["a", "a"]', '["a", 1, "a"]'],
  ],
  [
    { properties: { a: { const: 1 }, b: { const: 2 }, c: { const: 3 } }, minProperties: 2 },
    ['{"a": 1, "b": 2}', '{"b": 2, "c": 3}', '{"a": 1, "b": 2, "c": 3}'],
    ["{}", '{"a": 1}', '{"c": 3}'],
  ],
  [
    {
      properties: { a: { const: 1 } },
      additionalProperties: { const: 0 },
      minProperties: 1,
      maxProperties: 2,
    },
    ['{"a": 1}', '{"x": 0}', '{"a": 1, "x": 0}', '{"x": 0, "y": 0}'],
    ["{}", '{"a": 1, "x": 0, "y": 0}', '{"a": 0}'],
  ],
  [
    {
      propertyNames: { pattern: "^x_[^a]?" },
      additionalProperties: { const: 0 },
      maxProperties: 1,
    },
    ["{}", '{"x_": 0}', '{"x_ä": 0}'],
    ['{"x": 0}', '{"x_": 1}', '{"x_": 0, "x_a": 0}'],
  ],
  [
    { propertyNames: { enum: ["p", "q"] }, additionalProperties: { const: 0 }, required: ["q"] },
    ['{"q": 0}', '{"p": 0, "q": 0}'],
    ["{}", '{"p": 0}', '{"q": 0, "r": 0}'],
  ],
  [
    { patternProperties: { "^[ab]$": { const: 0 } }, additionalProperties: false },
    ["{}", '{"a": 0, "b": 0}'],
    ['{"c": 0}', '{"a": 1}'],
  ],
  [{}, ['{"a": [1, "b", {"c": null}, [], {}]}', "true", '"x"'], ["", "[1", "{a: 1}"]],
];

Deno.test("Grammar.json() has the texts of its schema and no others", async () => {
  for (const [schema, good, bad] of TEXTS) {
    const has = await textsOf(Grammar.json(schema));
    for (const text of good) assert(has(text), `${JSON.stringify(schema)} lacks ${text}`);
    for (const text of bad) assert(!has(text), `${JSON.stringify(schema)} has ${text}`);
  }
});
