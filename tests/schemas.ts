/**
 * Random JSON schemas of the kinds that answers are held to, and whether answers are.
 *
 * @module
 */
import { Ajv2020 as Ajv } from "ajv/dist/2020.js";
import { Random } from "../src/engine/random.ts";
import { Grammar } from "../src/grammar/grammar.ts";
import type { GenerateOptions } from "../src/options.ts";
import type { Runtime } from "../src/runtime.ts";

const NAMES = ["name", "age", "größe", "is ok", "na", 'a "b"', "x\\y", "items"];

const PATTERNS = ["^[a-z]{2,5}$", "\\d+", "^(x|yy?)z*|\\W$", '[äöü"\\\\]', "^.{3}$", "a.c"];

/** What a text of each format has to be, told in another way than the grammar's. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  "date": (text) => isTime(`${text}T00:00:00Z`, text),
  "time": (text) => isTime(`2024-01-01T${text}`, ""),
  "date-time": (text) => isTime(text, text.slice(0, 10)),
  "duration": (text) => Temporal.Duration.from(text).sign >= 0,
  "uuid": (text) => /^[0-9a-f-]{36}$/.test(text) && text.split("-").length === 5,
  "email": (text) => URL.canParse(`mailto:${text}`) && text.split("@").length === 2,
  "hostname": (text) => new URL(`http://${text}.example`).pathname === "/",
  "ipv4": (text) => new URL(`http://${text}`).hostname === text,
  "ipv6": (text) => new URL(`http://[${text}]`).hostname !== "",
  "uri": (text) => URL.canParse(text),
};

/** Whether a time is one, and its day is in the calendar. */
function isTime(text: string, day: string): boolean {
  return new Date(text.replace(/[+-]\d\d:\d\d$/, "Z")).toISOString().startsWith(day);
}

/** A schema, at most `depth` objects and lists deep. */
function randomSchema(random: Random, depth = 3): Record<string, unknown> {
  const below = (count: number) => Math.floor(random.next() * count);
  const inner = () => randomSchema(random, depth - 1);
  const kinds = depth > 0 ? 17 : 12;
  switch (below(kinds)) {
    case 0:
      return { type: "string", maxLength: 1 + below(12) };
    case 1:
      return { type: "string", minLength: below(4), maxLength: 4 + below(6) };
    case 2:
      return { type: "integer", minimum: below(300) - 150, maximum: 150 + below(2000) };
    case 3: {
      const least = below(2000) - 1000;
      const scale = 10 ** below(3);
      return { type: "number", minimum: least / scale, maximum: (least + below(500)) / scale };
    }
    case 4:
      return { type: "number", exclusiveMinimum: below(9) - 4, exclusiveMaximum: 5 + below(3) };
    case 5:
      return [{ type: "boolean" }, { type: "null" }, { type: "integer" }, {
        type: "number",
      }][below(4)]!;
    case 6:
      return { enum: ["red", "grün", 3, null, [1, "b"], { a: [] }].slice(below(5)) };
    case 7:
      return { type: ["integer", "null"], exclusiveMinimum: below(50) - 25 };
    case 8:
      return { type: "string", pattern: PATTERNS[below(PATTERNS.length)] };
    case 9:
      return { type: "string", format: Object.keys(FORMATS)[below(10)] };
    case 10:
      return { type: "integer", multipleOf: [1, 2, 7, 12, 49, 300][below(6)] };
    case 11: {
      const minimum = below(300) - 150;
      return { type: "number", multipleOf: 1 + below(9), minimum, maximum: minimum + 20 };
    }
    case 12:
      return { anyOf: [inner(), inner()] };
    case 13: {
      const items = { enum: ["a", 2, null, "b"].slice(below(3)) };
      return { type: "array", items, uniqueItems: true, minItems: below(3), maxItems: 3 };
    }
    case 14: {
      const properties = { a: inner(), b: inner(), c: inner() };
      const minProperties = below(3);
      return { type: "object", properties, minProperties, maxProperties: minProperties + 1 };
    }
    case 15: {
      const pattern = PATTERNS[below(PATTERNS.length)]!;
      return below(2) === 0
        ? {
          patternProperties: { [pattern]: inner() },
          additionalProperties: false,
          maxProperties: 3,
        }
        : { propertyNames: { pattern }, additionalProperties: inner(), maxProperties: 2 };
    }
    case 16: {
      const minItems = below(3);
      return { type: "array", items: inner(), minItems, maxItems: minItems + below(3) };
    }
    default: {
      const names = NAMES.filter(() => below(3) === 0);
      return {
        type: "object",
        properties: Object.fromEntries(names.map((name) => [name, inner()])),
        required: names.filter(() => below(2) === 0),
        additionalProperties: false,
      };
    }
  }
}

/** The text of a generation that ended by itself. */
export async function generate(runtime: Runtime, options: GenerateOptions): Promise<string> {
  await using session = await runtime.session({ wait: true });
  await session.append("Once upon a time", { logits: "none" });
  const tokens = await Array.fromAsync(session.generate({ maxTokens: 1500, ...options }));
  const { finishReason } = tokens.at(-1)!;
  if (finishReason !== "stop") throw new Error(`The generation ended with "${finishReason}"`);
  return tokens.map(({ text }) => text).join("");
}

/**
 * Generates values of so many random schemas and validates them. The seed of each is its number.
 */
export async function checkSchemas(runtime: Runtime, count: number): Promise<void> {
  const random = new Random(5);
  const ajv = new Ajv({
    allowUnionTypes: true,
    strictRequired: false,
    strictTypes: false,
    formats: FORMATS,
  });
  const schemas = Array.from({ length: count }, () => randomSchema(random));
  await Promise.all(schemas.map(async (schema, seed) => {
    const options = { grammar: Grammar.json(schema), temperature: 1, topP: 1, seed };
    const text = await generate(runtime, options);
    if (ajv.validate(schema, JSON.parse(text))) return;
    throw new Error(`${text} is not of ${JSON.stringify(schema)}: ${ajv.errorsText()}`);
  }));
}
