import { assertEquals } from "@std/assert";
import type { Runtime } from "../src/runtime.ts";
import { Random } from "./cases/random.ts";
import { loadFable } from "./fable.ts";

const SLOTS = 8;
const SESSIONS = 1000;
const PROMPTS = [
  "Once upon a time there was a king",
  "The fox said to the wolf",
  "In a small house near the great forest there lived a poor woman with her two sons",
  "A long time ago",
] as const;
const LONGEST = 24;

/** Generates at most `count` tokens in a session of its own. */
async function generate(runtime: Runtime, prompt: string, seed: number, count: number) {
  await using session = await runtime.session({ wait: true });
  await session.append(prompt, { logits: "none" });
  const ids: number[] = [];
  const options = { temperature: 0.9, seed, ignoreEos: true, maxTokens: LONGEST };
  for await (const { id } of session.generate(options)) {
    ids.push(id);
    // Leaving the loop cancels what is left.
    if (ids.length === count) break;
  }
  return ids;
}

Deno.test("1,000 sessions that share 8 slots give what each gives alone", async () => {
  // States that are kept make pieces of prompts shorter, and so change the last bits.
  await using runtime = await loadFable({ sessions: SLOTS, prefixCache: 0 });
  const { memory } = runtime;
  const seeds = [1, 2, 3];
  const alone = new Map<string, number[]>();
  for (const prompt of PROMPTS) {
    for (const seed of seeds) {
      alone.set(`${seed} ${prompt}`, await generate(runtime, prompt, seed, LONGEST));
    }
  }
  const random = new Random(11);
  const visits = Array.from({ length: SESSIONS }, () => ({
    prompt: PROMPTS[random.below(PROMPTS.length)]!,
    seed: seeds[random.below(seeds.length)]!,
    count: 1 + random.below(LONGEST),
  }));
  let next = 0;
  // More visitors than slots, so that some always wait.
  const visitors = Array.from({ length: 2 * SLOTS }, async () => {
    for (let visit = visits[next++]; visit; visit = visits[next++]) {
      const { prompt, seed, count } = visit;
      const ids = await generate(runtime, prompt, seed, count);
      assertEquals(ids, alone.get(`${seed} ${prompt}`)!.slice(0, count), `visit ${next}`);
    }
  });
  await Promise.all(visitors);
  assertEquals(runtime.memory, memory);
  // Every slot is free again.
  await using stack = new AsyncDisposableStack();
  for (let slot = 0; slot < SLOTS; slot++) stack.use(await runtime.session());
});
