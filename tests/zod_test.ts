import { assertEquals, assertThrows } from "@std/assert";
import { Ajv2020 as Ajv } from "ajv/dist/2020.js";
import { z } from "zod";
import { Grammar } from "../src/grammar/grammar.ts";
import { loadFable } from "./fable.ts";
import { textsOf } from "./grammar_texts.ts";
import { generate } from "./schemas.ts";

/** Types whose values are generated. */
const TYPES: readonly z.ZodType[] = [
  z.object({
    id: z.uuid(),
    old: z.uuidv4(),
    on: z.iso.date(),
    at: z.iso.datetime({ precision: 0 }),
  }),
  z.object({
    at: z.iso.datetime({ offset: true, precision: 3 }),
    time: z.iso.time({ precision: 0 }),
  }),
  z.object({ ip: z.ipv4(), key: z.nanoid(), hash: z.ulid(), net: z.cidrv4(), tel: z.e164() }),
  z.object({ code: z.string().regex(/^[A-Z]{2}\d$/), tag: z.templateLiteral(["a-", z.int()]) }),
  z.object({ name: z.string().min(2).max(5), kind: z.enum(["fox", "hen"]), is: z.literal("x") }),
  z.object({ age: z.int().positive(), part: z.number().gt(0).lt(1), small: z.float32() }),
  z.object({ dozen: z.int().multipleOf(12), many: z.int().multipleOf(50), byte: z.int().max(255) }),
  z.object({ a: z.int().nullable(), b: z.boolean().optional(), c: z.int().nullish() }),
  z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("fox"), tail: z.int() }),
    z.object({ kind: z.enum(["hen", "goose"]), eggs: z.array(z.boolean()).min(1).max(3) }),
  ]),
  z.union([z.int32(), z.boolean(), z.tuple([z.literal("a"), z.uint32()])]),
  z.record(z.enum(["a", "b"]), z.int().min(0).max(9)),
  z.partialRecord(z.enum(["a", "b"]), z.boolean().describe("whether")),
  z.object({ a: z.int().default(3), b: z.literal(["x", 3, null]), c: z.array(z.int()).length(2) }),
];

Deno.test("generate() gives values of what zod makes of its types", async () => {
  await using runtime = await loadFable({ sessions: 16 });
  // Patterns are checked, and formats by zod itself.
  const ajv = new Ajv({ allowUnionTypes: true, strictTypes: false, validateFormats: false });
  await Promise.all(TYPES.map(async (type, seed) => {
    const { "~standard": _, ...schema } = z.toJSONSchema(type);
    const text = await generate(runtime, { grammar: Grammar.json(schema), temperature: 1, seed });
    const value = JSON.parse(text);
    assertEquals([text, ajv.validate(schema, value), ajv.errorsText()], [text, true, "No errors"]);
    type.parse(value);
  }));
});

/** Types of texts, with some that they have, and some that they have not. */
const TEXTS: readonly [type: z.ZodType, has: readonly string[], lacks: readonly string[]][] = [
  [z.email(), ["a.b@c.de", "o'x@y-z.org"], ["a@b", ".a@b.de", "a b@c.de"]],
  [z.url(), ["https://fox.example/den"], ["fox"]],
  [z.iso.date(), ["2024-02-29"], ["2023-02-29", "2024-13-01"]],
  [z.iso.duration(), ["P3D", "PT5H"], ["P", "3D"]],
  [z.hostname(), ["fox.example"], ["-fox", "a b"]],
  [z.ipv6(), ["::1", "fe80::1:2"], [":1", "fe80:1"]],
  [z.base64(), ["", "Zm94", "Zm8="], ["Zm9", "====", "Zm_4"]],
  [z.string().startsWith("ab"), ["ab", "abc"], ["b", "ba"]],
  [z.string().endsWith("z"), ["z", "fizz"], ["za"]],
];

Deno.test("Grammar.json() has texts of zod's types of texts, and no others", async () => {
  for (const [type, has, lacks] of TEXTS) {
    const schema = z.toJSONSchema(type);
    const isIn = await textsOf(Grammar.json(schema));
    for (const text of has) assertEquals([text, isIn(`"${text}"`)], [text, true]);
    for (const text of [...has, ...lacks]) {
      assertEquals([text, type.safeParse(text).success], [text, has.includes(text)]);
    }
    for (const text of lacks) assertEquals([text, isIn(`"${text}"`)], [text, false]);
  }
});

/** Types that are refused, and what of their schemas is named. */
const REFUSED: readonly [type: z.ZodType, words: string][] = [
  [z.email().max(40), '"/maxLength" cannot be kept: "pattern" stands beside it'],
  [z.string().regex(/a/).regex(/b/), '"/allOf" is wrong: pass one with one schema only'],
  [z.emoji(), '"/pattern" cannot be kept: The regular expression looks around'],
  [z.jwt(), '"/format" is wrong: pass one of date'],
  [z.object({ a: z.never().optional() }), '"/properties/a/not" cannot be kept here'],
  [z.int().positive().multipleOf(5), '"/multipleOf" cannot be kept: more than 256'],
  [
    z.xor([z.object({ a: z.literal(1).optional() }), z.object({ a: z.literal(2).optional() })]),
    '"/oneOf" is wrong: pass one with schemas of different types or listed values, or of objects',
  ],
];

Deno.test("Grammar.json() names what of zod's types it cannot keep", () => {
  for (const [type, words] of REFUSED) {
    assertThrows(() => Grammar.json(z.toJSONSchema(type)), TypeError, words);
  }
});
