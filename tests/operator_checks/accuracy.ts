/**
 * A case of the operator table on native operators, against the reference.
 *
 * @module
 */
import type { Bound, OperatorCase } from "../cases/case.ts";
import { compare } from "../compare.ts";
import type { Backend } from "../native.ts";
import { expectedOf, inputsOf, run } from "../run_case.ts";

/**
 * Runs a case on every backend in every layout, and returns the greatest errors. Throws where one
 * is too great.
 */
export function checkCase(backends: readonly Backend[], test: OperatorCase): Bound {
  const inputs = inputsOf(test);
  const expected = expectedOf(test, inputs);
  let [nmse, worst] = [0, 0];
  for (const { name, ops } of backends) {
    for (const layout of ["dense", "strided"] as const) {
      try {
        const errors = compare(test, inputs, expected, run(ops, test, inputs, layout));
        nmse = Math.max(nmse, errors.nmse);
        worst = Math.max(worst, errors.worst);
      } catch (cause) {
        const text = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${name}, ${layout}: ${text}`, { cause });
      }
    }
  }
  return { nmse, worst };
}
