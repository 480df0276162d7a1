/**
 * Answers that are held to random schemas, validated, and what grammars cost with a vocabulary: to
 * read it, to compile a schema, and to find what may come next.
 *
 * ```sh
 * deno run --allow-all bench/structured_output.ts [SCHEMAS] [FOLDER WITH tokenizer.json]
 * ```
 *
 * @module
 */
import { Grammar, Runtime } from "../mod.ts";
import { maskMemory, SharedMask } from "../src/grammar/mask_memory.ts";
import { TokenMasks } from "../src/grammar/token_masks.ts";
import { Tokenizer } from "../src/tokenizer.ts";
import { checkSchemas } from "../tests/schemas.ts";

const fable = decodeURIComponent(new URL("../models/fable", import.meta.url).pathname);
const count = Number(Deno.args[0] ?? 200);
const tokenizer = (await Tokenizer.load(Deno.args[1] ?? fable))!;

async function timed<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  console.log(`${what}: ${(performance.now() - start).toFixed(2)} ms`);
  return result;
}

{
  await using runtime = await Runtime.load(fable, { sessions: 16 });
  await timed(`${count} schemas, all answers valid`, () => checkSchemas(runtime, count));
}

const endTokens = [tokenizer.id("<|im_end|>")!];
const text = { type: "string" };
const schemas: Record<string, object> = {
  "two fields": { properties: { a: text, b: { type: "integer" } }, required: ["a", "b"] },
  "any object": { type: "object" },
  "a bounded string": { type: "string", minLength: 20, maxLength: 200 },
  "20 optional texts": {
    properties: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`field ${i}`, text])),
  },
};
console.log(`${tokenizer.size} tokens`);
const vocabulary = { tokens: tokenizer.vocabulary(tokenizer.size), endTokens };
const masks = await timed("load", () => TokenMasks.load(vocabulary, 600_000));
for (const [name, schema] of Object.entries(schemas)) {
  await timed(`${name}: compile`, () => masks.compile(0, Grammar.json(schema).text));
  const memory = maskMemory(tokenizer.size);
  await masks.open(0, 0, memory);
  const mask = new SharedMask({ memory, bell: new SharedArrayBuffer(4), endTokens });
  const begin = schema === schemas["a bounded string"] ? '"' : '{"';
  for (const id of tokenizer.encode(begin)) {
    if (!mask.accept(id)) throw new Error(`${name} cannot begin with ${begin}`);
    await timed(`${name}: first mask in a string`, () => masks.answer());
  }
  if (mask.accept(tokenizer.encode("f")[0]!)) {
    await timed(`${name}: next mask`, () => masks.answer());
  }
  masks.close(0);
  masks.forget(0);
}
