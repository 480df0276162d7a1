/**
 * Cases of the operators that look rows up and of those that search them.
 *
 * @module
 */
import {
  indexRow,
  input,
  type OperatorCase,
  operatorCase,
  output,
  packedWeight,
  type Packing,
  PACKINGS,
  state,
  weight,
} from "./case.ts";
import { constant, type Fill, list, normal, table, uniform, whole } from "./random.ts";

const COLUMNS = [1, 31, 32, 33, 127, 1536] as const;

function lookups(): OperatorCase[] {
  const embedding = (
    type: "f32" | "bf16",
    columns: number,
    tokens: readonly number[],
    rows = 40,
  ) =>
    operatorCase("embedding", `${type} table[${rows},${columns}] tokens ${tokens}`, {
      out: output(tokens.length, columns),
      table: weight(type, rows, columns, normal()),
      tokens: indexRow(...tokens),
    });
  const packedEmbedding = (packing: Packing, columns: number, tokens: readonly number[]) =>
    operatorCase("embedding", `${packing.join("/")} table[40,${columns}] tokens ${tokens}`, {
      out: output(tokens.length, columns),
      table: packedWeight(packing, 40, columns, normal()),
      tokens: indexRow(...tokens),
    });
  const gather = (columns: number, rows: readonly number[]) =>
    operatorCase("gatherRows", `x[9,${columns}] rows ${rows}`, {
      out: output(rows.length, columns),
      x: input(9, columns, normal()),
      rows: indexRow(...rows),
    });
  const scatter = (columns: number, rows: readonly number[]) =>
    operatorCase("scatterRows", `out[9,${columns}] rows ${rows}`, {
      out: state(9, columns, normal()),
      x: input(rows.length, columns, normal()),
      rows: indexRow(...rows),
    });
  return COLUMNS.flatMap((columns, index) => [
    embedding("f32", columns, [0, 39, 7, 7].slice(index % 2)),
    embedding("bf16", columns, [39, 0, 3].slice(index % 3)),
    gather(columns, [8, 0, 3, 3].slice(index % 2)),
    scatter(columns, [8, 0, 3].slice(index % 3)),
  ]).concat(
    // Rows so long that threads share them.
    embedding("f32", 33_001, [1, 0], 2),
    embedding("bf16", 33_001, [1], 2),
    ...PACKINGS.flatMap((packing) => [
      packedEmbedding(packing, 64, [39, 0, 15, 16]),
      packedEmbedding(packing, 8256, [17]),
    ]),
    gather(66_001, [7]),
    scatter(66_001, [4]),
  );
}

function argmax(rows: number, columns: number, x: Fill, note = ""): OperatorCase {
  return operatorCase("argmax", `x[${rows},${columns}]${note}`, {
    out: output(1, rows, "i32"),
    x: input(rows, columns, x),
  });
}

/** Rows that are greatest where a search could look last, first, or not at all. */
const PEAKS: Fill = (random, row, column) =>
  [0, 36, 31, 32, 7, 8, 15, 16][row] === column ? 9 : random.next();

const AWKWARD = [
  [NaN, -Infinity, NaN, -Infinity],
  [NaN, NaN, NaN, NaN],
  [-Infinity, -Infinity, -Infinity, -Infinity],
  [NaN, -3, -2, NaN],
  [-1, Infinity, NaN, Infinity],
  [-0, 0, -0, 0],
  [2, 2, 3, 3],
  [-5, -4, NaN, -4],
] as const;

function argmaxes(): OperatorCase[] {
  return [
    ...COLUMNS.map((columns, index) => argmax(1 + index % 3, columns, normal())),
    argmax(8, 37, PEAKS, " peaks"),
    argmax(5, 127, whole(4), " ties"),
    argmax(3, 70, constant(-1), " all equal"),
    argmax(8, 4, table(AWKWARD), " NaN and infinities"),
    // A whole vector register of NaN before the numbers.
    argmax(3, 40, (random, _row, column) => column < 33 ? NaN : -random.next(), " NaN first"),
    argmax(1, 20_000, normal(), " vocabulary"),
  ];
}

function topK(rows: number, columns: number, k: number, x: Fill, note = ""): OperatorCase {
  return operatorCase("topK", `x[${rows},${columns}] k ${k}${note}`, {
    values: output(rows, k),
    indices: output(rows, k, "i32"),
    x: input(rows, columns, x),
  });
}

function topKs(): OperatorCase[] {
  return [
    ...COLUMNS.map((columns, index) =>
      topK(1 + index % 3, columns, Math.min(columns, 5), normal())
    ),
    topK(2, 33, 33, normal(), " all"),
    topK(2, 128, 128, whole(10), " all, ties"),
    topK(3, 127, 20, whole(4), " ties"),
    topK(3, 70, 7, constant(-1), " all equal"),
    topK(8, 4, 4, table(AWKWARD), " NaN and infinities"),
    topK(8, 4, 2, table(AWKWARD), " NaN and infinities"),
    topK(2, 1536, 64, (_random, _row, column) => column, " rising"),
    topK(2, 1536, 64, (_random, _row, column) => -column, " falling"),
    topK(8, 37, 1, PEAKS, " peaks"),
    topK(2, 200, 5, (random, _row, column) => column < 40 ? NaN : random.next(), " NaN first"),
    topK(1, 20_000, 50, normal(), " vocabulary"),
    topK(2, 2050, 5, normal(), " a little more than a block of a GPU looks through"),
  ];
}

function logSumExp(
  columns: number,
  scales: readonly number[],
  x: Fill,
  note = "",
): OperatorCase {
  const rows = scales.length;
  return operatorCase("logSumExp", `x[${rows},${columns}] scales ${scales}${note}`, {
    out: output(1, rows),
    x: input(rows, columns, x),
    scales: input(1, rows, list(...scales)),
  });
}

function logSumExps(): OperatorCase[] {
  const masked: Fill = (random, _row, column) => column % 3 ? -Infinity : 4 * random.next();
  // More of nothing than a block of a GPU looks through.
  const late: Fill = (random, _row, column) => column < 2100 ? -Infinity : random.next() - 1000;
  return [
    ...COLUMNS.map((columns) => logSumExp(columns, [1, 0.5], normal(3))),
    logSumExp(127, [0.01, 1, 7, 0], normal(3), " each its own"),
    logSumExp(33, [1, 2], uniform(900, 1000), " large"),
    logSumExp(33, [1, 2], uniform(-1000, -900), " very negative"),
    logSumExp(65, [1, 0.3], masked, " masked"),
    logSumExp(
      5,
      [1, 1, 1, 2],
      table([
        [-Infinity, -Infinity, -Infinity, -Infinity, -Infinity],
        [1, NaN, 2, 3, 4],
        [1, 2, Infinity, 3, 4],
        [-Infinity, 5, -Infinity, -Infinity, -Infinity],
      ]),
      " NaN and infinities",
    ),
    logSumExp(20_000, [1.25], normal(3), " vocabulary"),
    logSumExp(5000, [1, 2], late, " late"),
  ];
}

/** Cases of embedding, gather_rows, scatter_rows, argmax, top_k and log_sum_exp. */
export function rowCases(): OperatorCase[] {
  return [...lookups(), ...argmaxes(), ...topKs(), ...logSumExps()];
}
