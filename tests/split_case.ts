/**
 * Runs a case in parts: every token or every segment in a call of its own.
 *
 * @module
 */
import type { Ops, Tensor } from "../src/ops.ts";
import type { OperatorCase, OperatorName } from "./cases/case.ts";
import { call, type Elements, FramedTensors, type Named } from "./run_case.ts";

/** How the operands of an operator follow the tokens of a batch. */
interface Split {
  /** Operands with a row for each token. */
  readonly rows: readonly string[];
  /** Operands with a column for each token. */
  readonly columns: readonly string[];
  /** Operands that have a row or a column for each segment. */
  readonly places?: { readonly names: readonly string[]; readonly by: "row" | "column" };
}

const SLOTS = { names: ["slots"], by: "column" } as const;
const TABLES = ["pages", "starts", "shifts"] as const;

const SPLITS: Readonly<Record<OperatorName, Split>> = {
  embedding: { rows: ["out"], columns: ["tokens"] },
  rmsNorm: { rows: ["out", "x"], columns: [] },
  linear: { rows: ["out", "x"], columns: [] },
  add: { rows: ["out", "x", "y"], columns: [] },
  silu: { rows: ["out", "x"], columns: [] },
  swiglu: { rows: ["out", "gate", "up"], columns: [] },
  rotary: { rows: ["out", "x"], columns: ["positions"] },
  dynamicConvolution: { rows: ["out", "x", "taps"], columns: [], places: SLOTS },
  gatedDelta: { rows: ["out", "q", "k", "v", "a", "b"], columns: [], places: SLOTS },
  gatedNorm: { rows: ["out", "x", "gate"], columns: [] },
  cacheAppend: { rows: ["k", "v"], columns: ["rows"] },
  attention: {
    rows: ["out", "q"],
    columns: ["positions"],
    places: { names: TABLES, by: "row" },
  },
  pageScores: {
    rows: ["q"],
    columns: ["positions"],
    places: { names: ["scores", ...TABLES], by: "row" },
  },
  selectPages: {
    rows: ["chosenPages", "chosenStarts", "chosenShifts", "scores", ...TABLES],
    columns: [],
  },
  gatherRows: { rows: ["out"], columns: ["rows"] },
  scatterRows: { rows: ["x"], columns: ["rows"] },
  argmax: { rows: ["x"], columns: ["out"] },
  topK: { rows: ["values", "indices", "x"], columns: [] },
  logSumExp: { rows: ["x"], columns: ["out", "scales"] },
};

/** Consecutive tokens of one segment; of no segment where an operator knows none. */
export interface Part {
  readonly start: number;
  readonly count: number;
  readonly segment: number;
}

/** The parts of a case's batch, one for each token. */
export function tokensOf(test: OperatorCase, inputs: Named<Elements>): Part[] {
  if (SPLITS[test.operator].places) {
    return segmentsOf(test, inputs).flatMap(({ start, count, segment }) =>
      Array.from({ length: count }, (_, index) => ({ start: start + index, count: 1, segment }))
    );
  }
  const { rows } = test.operands[SPLITS[test.operator].rows[0]!]!;
  return Array.from({ length: rows }, (_, start) => ({ start, count: 1, segment: 0 }));
}

/** The parts of a case's batch, one for each segment. */
export function segmentsOf(test: OperatorCase, inputs: Named<Elements>): Part[] {
  if (!SPLITS[test.operator].places) return [];
  const starts = inputs.get("segments")!;
  return Array.from({ length: starts.length - 1 }, (_, segment) => {
    const start = starts[segment]!;
    return { start, count: starts[segment + 1]! - start, segment };
  });
}

/** The outputs and states of a case after one call for each part, in order. */
export function runParts(
  ops: Ops,
  test: OperatorCase,
  inputs: Named<Elements>,
  parts: readonly Part[],
): Map<string, Elements> {
  using framed = new FramedTensors(ops, test, inputs, "strided");
  for (const part of parts) callPart(ops, test, framed.tensors, part);
  return framed.results();
}

function callPart(ops: Ops, test: OperatorCase, tensors: Named<Tensor>, part: Part): void {
  const { rows, columns, places } = SPLITS[test.operator];
  using stack = new DisposableStack();
  const own = new Map(tensors);
  const replace = (name: string, view: (tensor: Tensor) => Tensor) =>
    own.set(name, stack.use(view(own.get(name)!)));
  for (const name of rows) replace(name, (tensor) => tensor.rowView(part.start, part.count));
  for (const name of columns) replace(name, (tensor) => tensor.columnView(part.start, part.count));
  if (places) {
    replace("segments", () => ops.tensor("i32", 1, 2));
    ops.write(own.get("segments")!, Int32Array.of(0, part.count));
    const { segment } = part;
    for (const name of places.names) {
      replace(
        name,
        (tensor) =>
          places.by === "row" ? tensor.rowView(segment, 1) : tensor.columnView(segment, 1),
      );
    }
  }
  call(ops, test, own);
}
