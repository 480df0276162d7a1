/**
 * The GPU at hand, for each library that was built: the operator table, the golden sets and the
 * small model. `deno task test:gpu` runs this alone; where there is no GPU it says that it is
 * ignored, and why.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import type { Session } from "../src/session.ts";
import { longRecurrence } from "./cases/recurrent.ts";
import { GREEDY_IDS, loadFable, PROMPT_IDS } from "./fable.ts";
import { checkModel, checkRoundedModel, goldenModels, NATIVE } from "./golden_model.ts";
import { checkDrift, checkRoundedDrift } from "./operator_checks/drift.ts";
import { testOperators } from "./operator_checks/register.ts";

for (const library of ["cuda", "metal"] as const) {
  const reason = Device.whyNot(library);
  const ignore = reason !== undefined;
  const on = `a GPU of ${library}`;

  Deno.test({
    name: `Device.open() opens ${on}${ignore ? ` (ignored: ${reason})` : ""}`,
    ignore,
    fn: () => {
      using device = Device.open({ backend: library });
      console.log(`${library}: ${device.instructionSet}`);
    },
  });

  testOperators({ library, on, ignore });

  for (const model of goldenModels()) {
    Deno.test({
      name: `JetNemotron agrees with the official ${model.name} when it runs on ${on}`,
      ignore,
      fn: () => {
        using device = Device.open({ backend: library });
        const ops = new NativeOps(device);
        checkModel(ops, model, 64, NATIVE);
        checkRoundedModel(ops, model, 64);
      },
    });
  }

  Deno.test({
    name: `gatedDelta() stays near float64 when a recurrence is long on ${on}`,
    ignore,
    fn: () => {
      using device = Device.open({ backend: library });
      const ops = new NativeOps(device);
      for (const chunk of [0, 64]) checkDrift(ops, longRecurrence(2048, chunk));
      checkRoundedDrift(ops, longRecurrence(2048, 0, "bf16"));
    },
  });

  Deno.test({
    name: `restore() goes on when a snapshot moves from the CPU to ${on} and back`,
    ignore,
    fn: async () => {
      await using cpu = await loadFable();
      await using gpu = await loadFable({ device: library });
      await using first = await cpu.session();
      await first.append(PROMPT_IDS);
      assertEquals(await greedy(first, 2), GREEDY_IDS.slice(0, 2));
      await using second = await gpu.restore(await first.snapshot());
      assertEquals(await greedy(second, 4), GREEDY_IDS.slice(2, 6)); // the last steps are replayed
      await using third = await cpu.restore(await second.snapshot());
      assertEquals(await greedy(third, 2), GREEDY_IDS.slice(6, 8));
    },
  });

  Deno.test({
    name: `generate() gives each session what it gives alone when a batch runs on ${on}`,
    ignore,
    fn: async () => {
      await using runtime = await loadFable({ device: library, sessions: 3 });
      await using alone = await runtime.session();
      await alone.append(PROMPT_IDS);
      assertEquals(await greedy(alone, 4), GREEDY_IDS.slice(0, 4));
      await using first = await runtime.session();
      await using second = await runtime.session();
      await Promise.all([first.append(PROMPT_IDS), second.append(PROMPT_IDS)]);
      const [one, other] = await Promise.all([greedy(first, 4), greedy(second, 4)]);
      assertEquals([one, other], [GREEDY_IDS.slice(0, 4), GREEDY_IDS.slice(0, 4)]);
    },
  });
}

async function greedy(session: Session, count: number): Promise<number[]> {
  const ids: number[] = [];
  const options = { temperature: 0, maxTokens: count, ignoreEos: true };
  for await (const { id } of session.generate(options)) ids.push(id);
  return ids;
}
