/**
 * The host for Metal with a library that stands in for Metal and the runtime of Objective-C, and
 * runs the kernels on the emulator: what is bound at which index, and when memory is touched. It
 * says nothing of how Metal compiles the kernels, and of how they behave; `gpu_test.ts` does, on a
 * Mac.
 *
 * @module
 */
import { metalChecks } from "./gpu_stand_in/metal_checks.ts";
import { StandIns } from "./gpu_stand_in/stand_ins.ts";

Deno.test({
  name: "Metal that stands in runs what the host asks for",
  ignore: Deno.build.os !== "linux",
  fn: async (t) => {
    await using standIns = new StandIns();
    for (const { name, run } of await metalChecks(standIns)) await t.step(name, run);
  },
});
