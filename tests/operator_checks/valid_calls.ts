/**
 * One small right call of each operator, for wrong ones to differ from in one place.
 *
 * @module
 */
import {
  indexRow,
  indexTable,
  input,
  type Operand,
  type OperatorCase,
  operatorCase,
  type OperatorName,
  output,
  state,
} from "../cases/case.ts";
import { normal } from "../cases/random.ts";

const x = (rows: number, columns: number) => input(rows, columns, normal());

// Two segments of two tokens, in slots 2 and 0 of three and in up to two pages each of four.
const RAGGED = { segments: indexRow(0, 2, 4), slots: indexRow(2, 0) };
const PAGED = {
  positions: indexRow(15, 16, 3, 4),
  segments: indexRow(0, 2, 4),
  pages: indexTable([[3, 0], [-1, 2]]),
  starts: indexTable([[0, 16], [7, 3]]),
  shifts: indexTable([[5, 0], [7, 2]]),
};

type Call = readonly [Readonly<Record<string, Operand>>, ...(readonly number[])];

const CALLS: Readonly<Record<OperatorName, Call>> = {
  embedding: [{ out: output(2, 6), table: x(5, 6), tokens: indexRow(4, 0) }],
  rmsNorm: [{ out: output(3, 12), x: x(3, 12), weight: x(1, 6) }, 1e-6],
  linear: [{ out: output(3, 6), x: x(3, 6), weight: x(6, 6), bias: x(1, 6) }],
  add: [{ out: output(3, 6), x: x(3, 6), y: x(3, 6) }],
  silu: [{ out: output(3, 6), x: x(3, 6) }],
  swiglu: [{ out: output(3, 6), gate: x(3, 6), up: x(3, 6) }],
  rotary: [{ out: output(2, 12), x: x(2, 12), positions: indexRow(0, 7) }, 6, 1e4],
  dynamicConvolution: [{
    out: output(4, 6),
    x: x(4, 6),
    taps: x(4, 24),
    state: state(3, 18, normal()),
    ...RAGGED,
  }],
  gatedDelta: [
    {
      out: output(4, 16),
      q: x(4, 8),
      k: x(4, 8),
      v: x(4, 16),
      a: x(4, 2),
      b: x(4, 2),
      aLog: x(1, 2),
      dtBias: x(1, 2),
      state: state(3, 64, normal()),
      ...RAGGED,
    },
    16,
  ],
  gatedNorm: [{ out: output(3, 12), x: x(3, 12), gate: x(3, 12), weight: x(1, 6) }, 1e-5],
  cacheAppend: [{
    keys: state(64, 16, normal()),
    values: state(64, 16, normal()),
    k: x(4, 16),
    v: x(4, 16),
    rows: indexRow(63, 0, 1, 16),
    bounds: state(4, 32, normal()),
  }],
  attention: [
    { out: output(4, 32), q: x(4, 32), keys: x(64, 16), values: x(64, 16), ...PAGED },
    8,
    0,
    1e4,
  ],
  pageScores: [{ scores: output(2, 2), q: x(4, 32), bounds: x(4, 32), ...PAGED }, 8, 1e4],
  selectPages: [
    {
      chosenPages: output(2, 4, "i32"),
      chosenStarts: output(2, 4, "i32"),
      chosenShifts: output(2, 4, "i32"),
      scores: x(2, 4),
      pages: indexTable([[3, -1, 0, 7], [1, 2, 5, 6]]),
      starts: indexTable([[0, 9, 16, 32], [0, 3, 5, 40]]),
      shifts: indexTable([[5, 9, 1, 0], [0, 0, 0, 0]]),
    },
    2,
  ],
  gatherRows: [{ out: output(2, 6), x: x(5, 6), rows: indexRow(4, 0) }],
  scatterRows: [{ out: state(5, 6, normal()), x: x(2, 6), rows: indexRow(4, 0) }],
  argmax: [{ out: output(1, 3, "i32"), x: x(3, 6) }],
  topK: [{ values: output(3, 6), indices: output(3, 6, "i32"), x: x(3, 6) }],
  logSumExp: [{ out: output(1, 3), x: x(3, 6), scales: x(1, 3) }],
};

/** The right call of an operator. */
export function validCall(operator: OperatorName): OperatorCase {
  const [operands, ...scalars] = CALLS[operator];
  return operatorCase(operator, "as it should be", operands, { scalars });
}
