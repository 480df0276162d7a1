/**
 * The kernels of GPUs on the emulator: every case of the operator table, and what they must not do.
 *
 * @module
 */
import { assertThrows } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { operatorCases } from "./cases.ts";
import { OPERANDS, type OperatorName } from "./cases/case.ts";
import { checkCase } from "./operator_checks/accuracy.ts";
import { inputsOf, run } from "./run_case.ts";

/** The operators that no kernel exists for. The list may only shrink. */
const MISSING: ReadonlySet<OperatorName> = new Set([
  "embedding",
  "linear",
  "add",
  "silu",
  "swiglu",
  "rotary",
  "dynamicConvolution",
  "gatedDelta",
  "gatedNorm",
  "cacheAppend",
  "attention",
  "pageScores",
  "selectPages",
  "gatherRows",
  "scatterRows",
  "argmax",
  "topK",
  "logSumExp",
]);

const CASES = operatorCases();

for (const operator of Object.keys(OPERANDS) as OperatorName[]) {
  const cases = CASES.filter((test) => test.operator === operator);
  const name = MISSING.has(operator) ? "says that it is not there" : "agrees with float64";
  Deno.test(`${operator}() ${name} when it runs on the emulator`, async (t) => {
    using device = Device.open({ backend: "emulator" });
    const ops = new NativeOps(device);
    for (const test of cases) {
      await t.step(test.name, () => {
        if (!MISSING.has(operator)) {
          checkCase([{ name: "emulator", ops }], test);
          return;
        }
        const call = () => run(ops, test, inputsOf(test), "dense");
        assertThrows(call, Error, "is not there on this device yet; use the CPU");
      });
    }
  });
}
