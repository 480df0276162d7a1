/**
 * Attention past its budget and past the trained length: the whole model on native operators
 * against the same on float64.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Ops } from "../src/ops.ts";
import { Random } from "./cases/random.ts";
import { loadFable } from "./fable.ts";
import { ModelRunner, type RunnerOptions } from "./model_runner.ts";
import { Targets } from "./native.ts";
import { ReferenceOps } from "./reference_ops.ts";

const FOLDER = decodeURIComponent(new URL("golden/tiny-2b", import.meta.url).pathname);
const MAX_SEGMENT = 64;

type Setting = Pick<RunnerOptions, "attentionBudget" | "attentionRead" | "maxPositions">;

/** The logits after each of `pieces`, and whether a page was evicted. */
function logitsOf(ops: Ops, setting: Setting, pieces: readonly (readonly number[])[]) {
  using runner = new ModelRunner(ops, FOLDER, { ...setting, maxRows: MAX_SEGMENT });
  const results = pieces.map((tokens) =>
    runner.run([{ slot: 0, tokens }]).logits.slice(-runner.vocabulary)
  );
  return { results, evicted: runner.hasEvicted(0) };
}

/** `count` random tokens in pieces of these sizes, over and over. */
function randomPieces(count: number, sizes: readonly number[]): number[][] {
  const random = new Random(count);
  const pieces: number[][] = [];
  for (let done = 0, i = 0; done < count; i++) {
    const size = Math.min(sizes[i % sizes.length]!, count - done);
    pieces.push(Array.from({ length: size }, () => random.below(250)));
    done += size;
  }
  return pieces;
}

/** The greatest difference of two rows of logits, over all rows. */
function worst(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return Math.max(...a.flatMap((row, r) => Array.from(row, (x, i) => Math.abs(x - b[r]![i]!))));
}

Deno.test("attention within its budget gives the same bits whatever the budget is", () => {
  using targets = new Targets();
  const pieces = randomPieces(120, [33, 1, 1, 64, 5]);
  for (const { several } of targets.all) {
    const unbounded = logitsOf(several, { attentionBudget: 4096 }, pieces);
    const bounded = logitsOf(several, { attentionBudget: 128 }, pieces);
    assertEquals([bounded.results, bounded.evicted], [unbounded.results, false]);
  }
});

const PAST: readonly [string, Setting][] = [
  ["its budget", { attentionBudget: 96 }],
  ["what is read", { attentionBudget: 256, attentionRead: 128 }],
  ["budget and what is read", { attentionBudget: 160, attentionRead: 128 }],
  ["the trained length", { attentionBudget: 96, maxPositions: 128 }],
  ["the trained length, which is the budget", { attentionBudget: 128, maxPositions: 128 }],
];

for (const [what, setting] of PAST) {
  Deno.test(`attention past ${what} agrees with float64`, () => {
    using targets = new Targets();
    const pieces = [
      ...randomPieces(200, [33, 1, 64]),
      ...randomPieces(120, [1]),
      ...randomPieces(64, [64]),
    ];
    const expected = logitsOf(new ReferenceOps(), setting, pieces);
    assert(expected.evicted);
    const unbounded = logitsOf(targets.all[0]!.several, { attentionBudget: 512 }, pieces);
    for (const { instructionSet, several } of targets.all) {
      const { results } = logitsOf(several, setting, pieces);
      const error = worst(results, expected.results);
      assert(error < 1e-3, `${instructionSet}: ${error}`);
      // It is not the same as attention to everything, or this would show nothing.
      assert(worst(results, unbounded.results) > 1e-3);
    }
  });
}

Deno.test("a session that reads fewer tokens than it holds is not exact", async () => {
  await using runtime = await loadFable({ sessions: 2, attentionRead: 128, prefixCache: 0 });
  await using session = await runtime.session();
  await session.append(new Int32Array(128).fill(5), { logits: "none" });
  assert(session.exact);
  await session.append([5], { logits: "none" });
  assertEquals([session.exact, session.inexactFrom], [false, 128]);
  await using copy = await runtime.restore(await session.snapshot());
  assertEquals(copy.inexactFrom, 128);
});

Deno.test("a session past the trained length stays finite and sensible", async () => {
  await using runtime = await loadFable({ sessions: 1, attentionBudget: 256, prefixCache: 0 });
  await using session = await runtime.session();
  await session.append("Once upon a time");
  const texts: string[] = [];
  const options = { temperature: 0.8, topP: 0.9, seed: 5, ignoreEos: true, lookahead: 16 };
  let logprobs = 0;
  for await (const token of session.generate({ ...options, maxTokens: 2600 })) {
    assert(Number.isFinite(token.logprob));
    texts.push(token.text);
    if (session.position > runtime.config.maxPositions) logprobs += token.logprob;
  }
  assert(session.position > runtime.config.maxPositions + 500 && !session.exact);
  // Words of the language, as it spoke before.
  const words = texts.slice(-300).join("").match(/[a-z]+/gi)!;
  const common = words.filter((word) => /^(the|and|to|of|a|he|she|it|was|in|his|her)$/i.test(word));
  assert(common.length / words.length > 0.15, words.join(" "));
  const loss = -logprobs / (session.position - runtime.config.maxPositions);
  assert(loss < 3, `${loss} nats a token`);
});
