/**
 * The kernels of GPUs on the emulator: every case of the operator table.
 *
 * @module
 */
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { operatorCases } from "./cases.ts";
import { OPERANDS, type OperatorName } from "./cases/case.ts";
import { checkCase } from "./operator_checks/accuracy.ts";

const CASES = operatorCases();

for (const operator of Object.keys(OPERANDS) as OperatorName[]) {
  Deno.test(`${operator}() agrees with float64 when it runs on the emulator`, async (t) => {
    using device = Device.open({ backend: "emulator", threads: 2 });
    const backend = { name: "emulator", ops: new NativeOps(device) };
    for (const test of CASES.filter((test) => test.operator === operator)) {
      await t.step(test.name, () => void checkCase([backend], test));
    }
  });
}
