/**
 * The small model on the emulator, through the public interface.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Session } from "../src/session.ts";
import { GREEDY_IDS, loadFable, PROMPT_IDS } from "./fable.ts";

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
  assertEquals(await greedy(second, 2), GREEDY_IDS.slice(2, 4));
  await using third = await cpu.restore(await second.snapshot());
  assertEquals(await greedy(third, 4), GREEDY_IDS.slice(4, 8));
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
    assert(worst < 1e-4, `${weights}: ${worst}`); // seen: 2e-6
  }
});

async function greedy(session: Session, count: number): Promise<number[]> {
  const ids: number[] = [];
  const options = { temperature: 0, maxTokens: count, ignoreEos: true };
  for await (const { id } of session.generate(options)) ids.push(id);
  return ids;
}
