/**
 * A case of the operator table on native operators, against the reference.
 *
 * @module
 */
import type { Bound, OperatorCase } from "../cases/case.ts";
import { compare } from "../compare.ts";
import type { Backend, Library } from "../native.ts";
import { roundToBf16 } from "../reference/numbers.ts";
import { type Elements, expectedOf, inputsOf, type Named, run } from "../run_case.ts";

/**
 * Runs a case on every backend of a library in every layout, and returns the greatest errors.
 * Throws where one is too great.
 */
export function checkCase(
  backends: readonly Backend[],
  test: OperatorCase,
  library: Library = "cpu",
): Bound {
  const inputs = inputsOf(test);
  const expected = expectedOf(test, library === "cpu" ? inputs : roundedInputs(test, inputs));
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

/** What a GPU multiplies: of an input of bf16 weights, the nearest bf16. */
function roundedInputs(
  { operator, operands }: OperatorCase,
  inputs: Named<Elements>,
): Named<Elements> {
  if (operator !== "linear" || operands["weight"]!.type !== "bf16") return inputs;
  const x = Float32Array.from(roundToBf16(inputs.get("x") as Float32Array));
  return new Map([...inputs, ["x", x]]);
}
