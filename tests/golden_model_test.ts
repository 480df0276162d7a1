/**
 * The whole model against what the official code computed in float64.
 *
 * @module
 */
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { checkModel, checkRoundedModel, EXACT, goldenModels, NATIVE } from "./golden_model.ts";
import { Targets } from "./native.ts";
import { ReferenceOps } from "./reference_ops.ts";

const LONGEST_EMULATED = 40; // tokens; an emulated pass takes long

for (const model of goldenModels()) {
  const { name, prompts } = model;

  Deno.test(`JetNemotron agrees with the official ${name} when it runs in float64`, () => {
    checkModel(new ReferenceOps({ exactAngles: true }), model, 0, EXACT);
  });

  for (const chunk of [0, 64]) {
    const how = chunk === 0 ? "token by token" : `in chunks of ${chunk}`;
    Deno.test(`JetNemotron agrees with the official ${name} when kernels run ${how}`, () => {
      using targets = new Targets();
      for (const { name, ops } of targets.backends) {
        try {
          checkModel(ops, model, chunk, NATIVE);
        } catch (cause) {
          throw new Error(`${name}: ${(cause as Error).message}`, { cause });
        }
      }
    });
  }

  Deno.test(`JetNemotron agrees with the official ${name} when the emulator runs it`, () => {
    using device = Device.open({ backend: "emulator" });
    const short = prompts.filter((golden) =>
      golden.integers("input_ids").length <= LONGEST_EMULATED
    );
    const ops = new NativeOps(device);
    checkModel(ops, { ...model, prompts: short }, 64, NATIVE);
    checkRoundedModel(ops, { ...model, prompts: short }, 64);
  });
}
