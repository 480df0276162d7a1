import { assertEquals } from "@std/assert";
import { decodeSnapshot, snapshotFacts } from "../src/engine/snapshot.ts";
import type { RuntimeOptions } from "../src/options.ts";
import type { Session } from "../src/session.ts";
import { syntheticSnapshot } from "../src/synthetic_context.ts";
import { loadFable } from "./fable.ts";

const TOKENS = Int32Array.from({ length: 1000 }, (_, i) => (i * 37) % 2000);

/** Where a session is and the shape of each of its states, once it has taken one token more. */
async function shapeOf(session: Session) {
  await session.append([5]);
  const bytes = await session.snapshot();
  const { slot, position } = decodeSnapshot(bytes, snapshotFacts(bytes).model);
  const tensors = slot.tensors.map(({ name, type, rows, columns }) => [name, type, rows, columns]);
  const pages = slot.tables.map(({ starts }) => starts);
  return { position, exact: session.exact, pages, tensors };
}

/** Compares the shapes of a session whose tokens are computed and one whose are made up. */
async function compare(count: number, options: RuntimeOptions): Promise<void> {
  await using runtime = await loadFable({ ...options, prefixCache: 0 });
  const tokens = TOKENS.subarray(0, count);
  await using computed = await runtime.session();
  await computed.append(tokens, { logits: "none" });
  await using madeUp = await runtime.restore(await syntheticSnapshot(runtime, tokens));
  assertEquals(madeUp.position, count);
  assertEquals(await shapeOf(madeUp), await shapeOf(computed));
}

Deno.test("a made-up context holds just what the tokens would have left", async () => {
  for (const count of [256, 257, 999, 1000]) await compare(count, { attentionBudget: 1008 });
  await compare(1000, { attentionBudget: 1008, cacheType: "bf16" });
});

Deno.test("a made-up context beyond the attention budget is as full, and not exact", async () => {
  await using runtime = await loadFable({ attentionBudget: 128, prefixCache: 0 });
  await using session = await runtime.restore(await syntheticSnapshot(runtime, TOKENS));
  const { position, exact, pages } = await shapeOf(session);
  assertEquals([position, exact], [1001, false]);
  assertEquals(pages[1], [0, 896, 912, 928, 944, 960, 976, 992]);
});

Deno.test("states that share an array are written once, and each is read", async () => {
  await using runtime = await loadFable({ attentionBudget: 1008, prefixCache: 0 });
  await using session = await runtime.restore(await syntheticSnapshot(runtime, TOKENS));
  const bytes = await session.snapshot();
  const { slot } = decodeSnapshot(bytes, snapshotFacts(bytes).model);
  const keys = slot.tensors.find(({ name }) => name === "layers.3.keys")!;
  // The first 256 tokens, over and over.
  const period = 256 * keys.columns;
  for (let at = period; at + period <= keys.data.length; at += period) {
    assertEquals(keys.data.slice(at, at + period), keys.data.slice(0, period));
  }
});
