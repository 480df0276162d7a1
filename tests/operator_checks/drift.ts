/**
 * The errors of a long recurrence must not grow with its length.
 *
 * @module
 */
import type { Ops } from "../../src/ops.ts";
import { boundOf } from "../cases.ts";
import type { OperatorCase } from "../cases/case.ts";
import { errorsOf } from "../compare.ts";
import { expectedOf, inputsOf, run } from "../run_case.ts";

const ROWS = 128;

/**
 * The last rows of the output, and the state, are as near to the reference as those of any case.
 */
export function checkDrift(ops: Ops, test: OperatorCase): void {
  const inputs = inputsOf(test);
  const expected = expectedOf(test, inputs);
  const results = run(ops, test, inputs, "dense");
  const bound = boundOf(test);
  const { columns } = test.operands["out"]!;
  const tail = (length: number) => length - ROWS * columns;
  const out = expected.get("out")!;
  const result = results.get("out")!;
  const errors = [
    errorsOf("out", columns, out.subarray(tail(out.length)), result.subarray(tail(result.length))),
    errorsOf("state", columns, expected.get("state")!, results.get("state")!),
  ];
  for (const { nmse, worst } of errors) {
    if (nmse <= bound.nmse && worst <= bound.worst) continue;
    throw new Error(
      `errors are NMSE ${nmse}, worst ${worst}; ` +
        `at most ${bound.nmse} and ${bound.worst} are allowed`,
    );
  }
}
