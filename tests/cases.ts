/**
 * The table of operator cases: every operator with the sizes, ranges and scalars that a kernel can
 * get wrong. Tests, the mutation tool and benchmarks read this one table.
 *
 * @module
 */
import { attentionCases } from "./cases/attention.ts";
import type { Bound, OperatorCase, OperatorName } from "./cases/case.ts";
import { denseCases } from "./cases/dense.ts";
import { pageCases } from "./cases/pages.ts";
import { recurrentCases } from "./cases/recurrent.ts";
import { rowCases } from "./cases/rows.ts";

/** All cases. */
export function operatorCases(): OperatorCase[] {
  return [
    ...denseCases(),
    ...recurrentCases(),
    ...attentionCases(),
    ...pageCases(),
    ...rowCases(),
  ];
}

const EXACT: Bound = { nmse: 0, worst: 0 };

// About ten times the greatest errors seen on avx2 (fused multiply-add) and plain (without).
const BOUNDS: Readonly<Record<OperatorName, Bound>> = {
  embedding: EXACT,
  rmsNorm: { nmse: 1e-13, worst: 4e-6 },
  linear: { nmse: 1e-12, worst: 1.5e-5 },
  add: { nmse: 3e-14, worst: 2e-6 },
  silu: { nmse: 3e-14, worst: 4e-6 },
  swiglu: { nmse: 5e-14, worst: 1e-5 },
  rotary: { nmse: 2e-14, worst: 3e-6 },
  dynamicConvolution: { nmse: 8e-14, worst: 1e-5 },
  gatedDelta: { nmse: 1e-12, worst: 2e-5 },
  gatedNorm: { nmse: 1e-13, worst: 1e-5 },
  cacheAppend: EXACT,
  attention: { nmse: 2e-12, worst: 2e-5 },
  pageScores: { nmse: 1e-10, worst: 3e-5 },
  selectPages: EXACT,
  gatherRows: EXACT,
  scatterRows: EXACT,
  argmax: EXACT,
  topK: EXACT,
  logSumExp: { nmse: 2e-14, worst: 6e-7 },
};

// Where f32 and float64 lie on two sides of a tie, an element of bf16 is one unit off: seldom, but
// so much that the outputs tell more. Cut off in place of rounded, the NMSE would be 5e-6.
const ROUNDED_STATE: Bound = { nmse: 1e-7, worst: 5e-2 };

/** How far an operand that a case writes may be from the reference's. */
export function boundOf({ operator, operands, bound }: OperatorCase, name: string): Bound {
  if (operands[name]!.type === "bf16" && BOUNDS[operator] !== EXACT) return ROUNDED_STATE;
  return bound ?? BOUNDS[operator];
}

/** Whether an operator copies or chooses: its results are the reference's, bit for bit. */
export function isExact({ operator }: OperatorCase): boolean {
  return BOUNDS[operator] === EXACT;
}
