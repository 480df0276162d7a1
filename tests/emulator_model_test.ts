/**
 * The small model on the emulator, through the public interface.
 *
 * @module
 */
import { assert, assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { benchmark } from "../src/benchmark.ts";
import { Runtime } from "../src/runtime.ts";
import type { Session } from "../src/session.ts";
import { GREEDY_IDS, loadFable, PROMPT_IDS } from "./fable.ts";
import { Folder } from "./stores.ts";

Deno.test("Runtime.load() runs a model on the emulator when that is its device", async () => {
  await using runtime = await loadFable({ device: "emulator", weights: "bf16" });
  assertMatch(runtime.backend.library, /libcontrail_emulator/);
  assertEquals(runtime.backend.instructionSet, "emulator");
  await using session = await runtime.session();
  await session.append(PROMPT_IDS);
  assertEquals(await greedy(session, 3), GREEDY_IDS.slice(0, 3));
});

Deno.test("restore() goes on when a snapshot moves to the emulator and back", async () => {
  await using cpu = await loadFable();
  await using emulator = await loadFable({ device: "emulator" });
  await using first = await cpu.session();
  await first.append(PROMPT_IDS);
  assertEquals(await greedy(first, 2), GREEDY_IDS.slice(0, 2));
  await using second = await emulator.restore(await first.snapshot());
  assertEquals(await greedy(second, 4), GREEDY_IDS.slice(2, 6)); // the last steps are replayed
  await using third = await cpu.restore(await second.snapshot());
  assertEquals(await greedy(third, 2), GREEDY_IDS.slice(6, 8));
});

Deno.test("packed weights give nearly the same logits when the emulator runs them", async () => {
  for (const weights of ["q8", "q4"] as const) {
    await using cpu = await loadFable({ weights });
    await using emulator = await loadFable({ weights, device: "emulator" });
    await using expected = await cpu.session();
    await using session = await emulator.session();
    const wanted = (await expected.append(PROMPT_IDS.slice(0, 2)))!;
    const have = (await session.append(PROMPT_IDS.slice(0, 2)))!;
    const worst = have.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]!)), 0);
    // Matrices whose columns fill no groups are bf16, for which the emulator rounds inputs; seen:
    // 0.07 of logits up to 14. What packed matrices give is in the operator table, bit for bit.
    assert(worst < 0.2, `${weights}: ${worst}`);
  }
});

Deno.test("the emulator gives the same bits when it maps the weights of a CPU", async () => {
  await using folder = new Folder();
  const cached = { weights: "q8", cache: folder.path, sessions: 1 } as const;
  await (await loadFable(cached)).close();
  const logits: (Float32Array | undefined)[] = [];
  for (const cache of [false, folder.path]) {
    await using runtime = await loadFable({ ...cached, cache, device: "emulator" });
    assertEquals(runtime.weightsFile !== undefined, cache !== false);
    await using session = await runtime.session();
    logits.push(await session.append(PROMPT_IDS.slice(0, 2)));
  }
  assertEquals(logits[1], logits[0]);
});

Deno.test("benchmark() measures the limits of a device that tells none", async () => {
  const shape = decodeURIComponent(new URL("golden/tiny-2b/config.json", import.meta.url).pathname);
  const options = { device: "emulator", weights: "q8", sessions: 1, prefixCache: 0 } as const;
  await using runtime = await Runtime.random(shape, options);
  const sizes = { prompt: 4, generate: 2, depths: [0], batches: [1], repetitions: 1 };
  const { limits, prefill: [prefill], decode: [decode] } = await benchmark(runtime, sizes);
  for (const limit of Object.values(limits)) assert(limit > 0 && Number.isFinite(limit));
  assertAlmostEquals(decode!.fraction_of_limit, decode!.gb_s / decode!.limit, 1e-9);
  assertAlmostEquals(prefill!.fraction_of_limit, prefill!.gflop_s / prefill!.limit, 1e-9);
  using device = Device.open({ backend: "emulator" });
  assertThrows(() => device.measure(), Error, "this device tells no limits; time its operators");
});

async function greedy(session: Session, count: number): Promise<number[]> {
  const ids: number[] = [];
  const options = { temperature: 0, maxTokens: count, ignoreEos: true };
  for await (const { id } of session.generate(options)) ids.push(id);
  return ids;
}
