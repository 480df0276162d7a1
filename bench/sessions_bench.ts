/**
 * What it takes to save, restore, copy and turn back a session: of the small model, and of one
 * whose sessions are those of the 2B model, 4,096 tokens long.
 *
 * @module
 */
import { Runtime } from "../mod.ts";

const here = (path: string) => decodeURIComponent(new URL(path, import.meta.url).pathname);
const settings = { sessions: 2, attentionBudget: 4096 };

/** The 2B model's configuration, with all made small that its states do not depend on. */
async function loadLarge(): Promise<Runtime> {
  const config = JSON.parse(Deno.readTextFileSync(here("configs/jet-nemotron-2b.json")));
  const path = Deno.makeTempFileSync({ prefix: "2b-states-", suffix: ".json" });
  const small = { hidden_size: 256, num_attention_heads: 2, intermediate_size: 256 };
  try {
    Deno.writeTextFileSync(path, JSON.stringify({ ...config, ...small }));
    return await Runtime.random(path, settings);
  } finally {
    Deno.removeSync(path);
  }
}

async function measure(name: string, runtime: Runtime, tokens: number): Promise<void> {
  const session = await runtime.session();
  const ids = Int32Array.from({ length: tokens }, (_, i) => (i * 7919) % 2000);
  await session.append(ids, { logits: "none" });
  const bytes = await session.snapshot();
  const group = `${name}, ${(bytes.length / 1e6).toFixed(1)} MB`;

  Deno.bench(`${name}: snapshot`, { group }, async () => {
    await session.snapshot();
  });

  Deno.bench(`${name}: restore`, { group }, async (bench) => {
    bench.start();
    const other = await runtime.restore(bytes);
    bench.end();
    await other.close();
  });

  Deno.bench(`${name}: fork`, { group }, async (bench) => {
    bench.start();
    const other = await session.fork();
    bench.end();
    await other.close();
  });

  Deno.bench(`${name}: rewind by a token`, { group }, async (bench) => {
    await session.append([1], { logits: "none" });
    bench.start();
    await session.rewind(tokens);
    bench.end();
  });
}

await measure("fable", await Runtime.load(here("../models/fable"), settings), 2048);
await measure("2B states", await loadLarge(), 4096);
