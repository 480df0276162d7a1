/**
 * The kernels of GPUs on the emulator: every case of the operator table.
 *
 * @module
 */
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import type { Ops } from "../src/ops.ts";
import { operatorCases } from "./cases.ts";
import { OPERANDS, type OperatorCase, type OperatorName } from "./cases/case.ts";
import { checkCase } from "./operator_checks/accuracy.ts";
import {
  checkEmpty,
  checkSegments,
  checkThreads,
  checkTokens,
  plainCases,
} from "./operator_checks/invariants.ts";

const CASES = operatorCases();

for (const operator of Object.keys(OPERANDS) as OperatorName[]) {
  Deno.test(`${operator}() agrees with float64 when it runs on the emulator`, async (t) => {
    using device = open(2);
    const backend = { name: "emulator", ops: new NativeOps(device) };
    for (const test of CASES.filter((test) => test.operator === operator)) {
      await t.step(test.name, () => void checkCase([backend], test));
    }
  });
}

/** Registers a check of every case that asks for the same bits. */
function testBits(name: string, check: (ops: Ops, other: Ops, test: OperatorCase) => void): void {
  Deno.test(`${name} on the emulator`, () => {
    using device = open(2);
    using other = open(1);
    const [ops, otherOps] = [new NativeOps(device), new NativeOps(other)];
    for (const test of CASES) {
      try {
        check(ops, otherOps, test);
      } catch (cause) {
        const text = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${test.name}: ${text}`, { cause });
      }
    }
  });
}

testBits(
  "operators give the same bits when tokens come one by one",
  (ops, _, test) => checkTokens(ops, test),
);

testBits(
  "operators give the same bits when segments come one by one",
  (ops, _, test) => checkSegments(ops, test),
);

// The order of threads and blocks is another with each launch.
testBits(
  "operators give the same bits when the order of threads and the layout differ",
  (ops, other, test) => checkThreads(other, ops, test),
);

Deno.test("operators change nothing when there are no tokens on the emulator", () => {
  using device = open(2);
  const ops = new NativeOps(device);
  for (const test of plainCases(CASES)) checkEmpty(ops, test);
});

function open(threads: number): Device {
  return Device.open({ backend: "emulator", threads });
}
