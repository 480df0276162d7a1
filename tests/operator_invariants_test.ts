/**
 * What has to hold bit for bit: a result depends on its own row and state alone.
 *
 * @module
 */
import { operatorCases } from "./cases.ts";
import type { OperatorCase } from "./cases/case.ts";
import { longRecurrence } from "./cases/recurrent.ts";
import { type Target, Targets } from "./native.ts";
import { checkDrift, checkRoundedDrift } from "./operator_checks/drift.ts";
import {
  checkEmpty,
  checkInstructionSets,
  checkSegments,
  checkThreads,
  checkTokens,
  checkWindow,
  plainCases,
} from "./operator_checks/invariants.ts";

const CASES = operatorCases();

/** Registers a check of every case on every instruction set. */
function testAll(
  name: string,
  cases: readonly OperatorCase[],
  check: (target: Target, test: OperatorCase) => void,
): void {
  Deno.test(name, () => {
    using targets = new Targets();
    for (const test of cases) {
      for (const target of targets.all) {
        try {
          check(target, test);
        } catch (cause) {
          const text = cause instanceof Error ? cause.message : String(cause);
          throw new Error(`${test.name} on ${target.instructionSet}: ${text}`, { cause });
        }
      }
    }
  });
}

testAll(
  "operators give the same bits when tokens come one by one",
  CASES,
  ({ several }, test) => checkTokens(several, test),
);

testAll(
  "operators give the same bits when segments come one by one",
  CASES,
  ({ several }, test) => checkSegments(several, test),
);

testAll(
  "attention over a window gives the same bits whatever is listed before it",
  CASES,
  ({ several }, test) => checkWindow(several, test),
);

testAll(
  "operators give the same bits when threads and layout differ",
  CASES,
  ({ one, several }, test) => checkThreads(one, several, test),
);

testAll(
  "operators change nothing when there are no tokens",
  plainCases(CASES),
  ({ several }, test) => checkEmpty(several, test),
);

Deno.test("operators give the same bits on any instruction set when weights are packed", () => {
  using targets = new Targets();
  const all = targets.all.map(({ several }) => several);
  for (const test of CASES) {
    const isPacked = Object.values(test.operands).some(({ group }) => group !== undefined);
    if (isPacked) checkInstructionSets(all, test);
  }
});

for (const chunk of [0, 64]) {
  testAll(
    `gatedDelta() does not drift over 2,048 tokens when chunk is ${chunk}`,
    [longRecurrence(2048, chunk)],
    ({ several }, test) => checkDrift(several, test),
  );
}

testAll(
  "gatedDelta() drifts little over 2,048 calls when its state is bf16",
  [longRecurrence(2048, 0, "bf16")],
  ({ several }, test) => checkRoundedDrift(several, test),
);
