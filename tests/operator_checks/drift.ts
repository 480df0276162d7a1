/**
 * The errors of a long recurrence must not grow with its length.
 *
 * @module
 */
import type { Ops } from "../../src/ops.ts";
import { boundOf } from "../cases.ts";
import type { Bound, OperatorCase } from "../cases/case.ts";
import { errorsOf, expectWithin } from "../compare.ts";
import { fromBf16 } from "../reference/numbers.ts";
import { type Elements, expectedOf, inputsOf, type Named, run } from "../run_case.ts";
import { runParts, tokensOf } from "../split_case.ts";

const ROWS = 128;

/**
 * The last rows of the output, and the state, are as near to the reference as those of any case.
 */
export function checkDrift(ops: Ops, test: OperatorCase): void {
  const inputs = inputsOf(test);
  const expected = expectedOf(test, inputs);
  const results = run(ops, test, inputs, "dense");
  for (const name of ["out", "state"]) {
    expectWithin(boundOf(test, name), lastErrors(test, name, expected, results), name);
  }
}

// About twice the greatest errors seen from 128 to 4096 tokens; they do not grow with the length.
const ROUNDED: Bound = { nmse: 2.5e-4, worst: 0.15 };

/**
 * With a state of bf16, one token a call, the last rows of the output and the state are as near as
 * {@linkcode ROUNDED} to what float64 gives that never rounds.
 */
export function checkRoundedDrift(ops: Ops, test: OperatorCase): void {
  const inputs = inputsOf(test);
  const state = Float32Array.from(fromBf16(inputs.get("state") as Uint16Array));
  const operands = {
    ...test.operands,
    state: { ...test.operands["state"]!, type: "f32" as const },
  };
  const expected = expectedOf({ ...test, operands }, new Map([...inputs, ["state", state]]));
  const results = runParts(ops, test, inputs, tokensOf(test, inputs));
  for (const name of ["out", "state"]) {
    expectWithin(ROUNDED, lastErrors(test, name, expected, results), name);
  }
}

/** The errors of the last rows of an operand. */
function lastErrors(
  test: OperatorCase,
  name: string,
  expected: Named<Float64Array>,
  results: Named<Elements>,
): Bound {
  const { columns } = test.operands[name]!;
  const [wanted, result] = [expected.get(name)!, results.get(name)!];
  const first = Math.max(0, wanted.length - ROWS * columns);
  return errorsOf(name, columns, wanted.subarray(first), result.subarray(first));
}
