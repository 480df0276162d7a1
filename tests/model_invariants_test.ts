/**
 * What has to hold bit for bit: the result of a session depends on its own tokens alone.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Ops } from "../src/ops.ts";
import { Random } from "./cases/random.ts";
import { GOLDEN, GoldenFile, relativeError } from "./golden.ts";
import { ModelRunner } from "./model_runner.ts";
import { Targets } from "./native.ts";

const FOLDER = decodeURIComponent(new URL("tiny-2b", GOLDEN).pathname);
/** More tokens than a sliding window and two chunks hold. */
const PROMPT = new GoldenFile(new URL("tiny-2b/expected-t129.safetensors", GOLDEN))
  .integers("input_ids");
const PIECES = [1, 2, 3, 5, 64, 100];

/** Registers a check on every instruction set, on one thread and on several. */
function testAll(name: string, check: (ops: Ops) => void): void {
  Deno.test(name, () => {
    using targets = new Targets();
    for (const { name, ops } of targets.backends) {
      try {
        check(ops);
      } catch (cause) {
        throw new Error(`${name}: ${(cause as Error).message}`, { cause });
      }
    }
  });
}

testAll("JetNemotron gives the same bits when a prompt comes in pieces", (ops) => {
  using runner = new ModelRunner(ops, FOLDER, { maxRows: PROMPT.length });
  const logits = runner.feed(0, PROMPT);
  const states = runner.states(0);
  for (const piece of PIECES) {
    runner.clear(0);
    assertSame(runner.feed(0, PROMPT, piece), logits, `pieces of ${piece}`);
    for (const [name, values] of runner.states(0)) {
      assertSame(values, states.get(name)!, `${name}, pieces of ${piece}`);
    }
  }
});

testAll("JetNemotron gives nearly the same when chunked pieces are of another size", (ops) => {
  using runner = new ModelRunner(ops, FOLDER, { maxRows: PROMPT.length, deltaChunk: 64 });
  const logits = runner.feed(0, PROMPT);
  const states = runner.states(0);
  for (const piece of PIECES) {
    runner.clear(0);
    assertNear(runner.feed(0, PROMPT, piece), logits, `pieces of ${piece}`);
    for (const [name, values] of runner.states(0)) {
      assertNear(values, states.get(name)!, `${name}, pieces of ${piece}`);
    }
  }
});

for (const sessions of [2, 5]) {
  testAll(`JetNemotron gives the same bits when ${sessions} sessions share its passes`, (ops) => {
    const options = { slots: sessions, maxRows: 160, deltaChunk: 64 };
    using together = new ModelRunner(ops, FOLDER, options);
    using alone = new ModelRunner(ops, FOLDER, { ...options, slots: 1 });
    const texts = Array.from({ length: sessions }, (_, slot) => randomTokens(slot));
    const results: Float32Array[][] = texts.map(() => []);
    for (let pass = 0; pass < texts[0]!.length; pass++) {
      // The order of the sessions in the batch changes from pass to pass.
      const slots = texts.map((_, i) => (i + pass) % sessions);
      const feeds = slots.map((slot) => ({ slot, tokens: texts[slot]![pass]! }));
      const { logits } = together.run(feeds);
      let row = 0;
      for (const { slot, tokens } of feeds) {
        const end = row + tokens.length * together.vocabulary;
        results[slot]!.push(logits.subarray(row, row = end));
      }
    }
    for (const [slot, passes] of texts.entries()) {
      alone.clear(0);
      for (const [pass, tokens] of passes.entries()) {
        const { logits } = alone.run([{ slot: 0, tokens }]);
        assertSame(results[slot]![pass]!, logits, `session ${slot}, pass ${pass}`);
      }
      for (const [name, values] of alone.states(0)) {
        assertSame(together.states(slot).get(name)!, values, `session ${slot}, ${name}`);
      }
    }
  });
}

testAll("JetNemotron carries nothing over when a slot gets a new session", (ops) => {
  using runner = new ModelRunner(ops, FOLDER, { slots: 2, maxRows: PROMPT.length });
  const short = PROMPT.subarray(0, 20);
  const fresh = runner.feed(0, short);
  const before = runner.states(0);
  runner.feed(1, PROMPT.toReversed());
  runner.clear(1);
  assertSame(runner.feed(1, short), fresh, "logits of the new session");
  for (const [name, values] of runner.states(1)) assertSame(values, before.get(name)!, name);
  for (const [name, values] of runner.states(0)) assertSame(values, before.get(name)!, name);
});

/** A prompt of 7 to 27 tokens, the next one of 9 or 10 tokens, and twelve single tokens. */
function randomTokens(seed: number): number[][] {
  const random = new Random(seed + 1);
  const lengths = [7 + 5 * seed, 9 + seed % 2, ...Array.from({ length: 12 }, () => 1)];
  return lengths.map((length) => Array.from({ length }, () => random.below(512)));
}

function assertSame(values: Float32Array, wanted: Float32Array, what: string): void {
  assertEquals(values.length, wanted.length, what);
  const place = values.findIndex((value, i) => !Object.is(value, wanted[i]));
  assert(place < 0, `${what}: [${place}] is ${values[place]}, not ${wanted[place]}`);
}

function assertNear(values: Float32Array, wanted: Float32Array, what: string): void {
  const error = relativeError(values, wanted);
  assert(error <= 1e-4, `${what}: differs by ${error}`);
}
