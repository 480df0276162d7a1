/**
 * The small model that ships with the project, whole: a prompt and one token, alone and in a batch.
 *
 * @module
 */
import { Runtime } from "../mod.ts";

const folder = new URL("../models/fable", import.meta.url).pathname;
const runtime = await Runtime.load(folder, { sessions: 5, prefixCache: 0 });
const prompt = Int32Array.from({ length: 128 }, (_, i) => (i * 37) % 2000);
const options = { maxTokens: 32, temperature: 0, ignoreEos: true, lookahead: 16 };

Deno.bench("fable: prompt of 128 tokens", { group: "model" }, async () => {
  await using session = await runtime.session();
  await session.append(prompt, { logits: "none" });
});

async function generate(): Promise<void> {
  await using session = await runtime.session();
  await session.append(prompt.subarray(0, 4), { logits: "none" });
  for await (const _ of session.generate(options));
}

Deno.bench("fable: 32 tokens, one session", { group: "model" }, generate);

Deno.bench("fable: 32 tokens each, four sessions", { group: "model" }, async () => {
  await Promise.all([generate(), generate(), generate(), generate()]);
});
