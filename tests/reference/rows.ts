/**
 * Operators that look rows up and those that search them.
 *
 * @module
 */
import type { Tensor } from "../../src/ops.ts";
import { indices, operand } from "./tensor.ts";

export function embedding(out: Tensor, table: Tensor, tokens: Tensor): void {
  const from = operand("embedding", "table", table, {
    types: ["f32", "bf16", "q8", "q4"],
  });
  const to = operand("embedding", "out", out, { columns: table.columns });
  const rows = indices("embedding", "tokens", tokens, out.rows, table.rows);
  for (let n = 0; n < out.rows; n++) to.setRow(n, from.row(rows[n]!));
}

export function gatherRows(out: Tensor, x: Tensor, rows: Tensor): void {
  const from = operand("gather_rows", "x", x);
  const to = operand("gather_rows", "out", out, { columns: x.columns });
  const chosen = indices("gather_rows", "rows", rows, out.rows, x.rows);
  for (let m = 0; m < out.rows; m++) to.setRow(m, from.row(chosen[m]!));
}

export function scatterRows(out: Tensor, x: Tensor, rows: Tensor): void {
  const from = operand("scatter_rows", "x", x);
  const to = operand("scatter_rows", "out", out, { columns: x.columns });
  const chosen = indices("scatter_rows", "rows", rows, x.rows, out.rows);
  for (let m = 0; m < x.rows; m++) to.setRow(chosen[m]!, from.row(m));
}

export function argmax(out: Tensor, x: Tensor): void {
  const from = operand("argmax", "x", x);
  const to = operand("argmax", "out", out, { types: ["i32"], rows: 1, columns: x.rows });
  for (let n = 0; n < x.rows; n++) to.row(0)[n] = falling(from.row(n))[0]!;
}

export function topK(values: Tensor, indices: Tensor, x: Tensor): void {
  const from = operand("top_k", "x", x);
  const size = { rows: x.rows, columns: values.columns };
  const best = operand("top_k", "values", values, size);
  const which = operand("top_k", "indices", indices, { types: ["i32"], ...size });
  if (values.columns > x.columns) {
    throw new Error(`top_k: values has ${values.columns} columns; pass at most ${x.columns}`);
  }
  for (let n = 0; n < x.rows; n++) {
    const order = falling(from.row(n)).slice(0, values.columns);
    which.setRow(n, order);
    best.setRow(n, order.map((index) => from.row(n)[index]!));
  }
}

/**
 * The indices of a row in the order of its elements, greatest first, then NaN; equal ones as they
 * stand.
 */
function falling(row: Float64Array): number[] {
  const order = Array.from(row, (_, index) => index);
  return order.sort((i, j) => {
    const [x, y] = [row[i]!, row[j]!];
    if (Number.isNaN(x) || Number.isNaN(y)) {
      return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    }
    return x === y ? 0 : x > y ? -1 : 1;
  });
}

export function logSumExp(out: Tensor, x: Tensor, scales: Tensor): void {
  const from = operand("log_sum_exp", "x", x);
  const factors = operand("log_sum_exp", "scales", scales, { rows: 1, columns: x.rows }).row(0);
  const to = operand("log_sum_exp", "out", out, { rows: 1, columns: x.rows }).row(0);
  for (let n = 0; n < x.rows; n++) {
    const scaled = from.row(n).map((element) => factors[n]! * element);
    const greatest = scaled.reduce((a, b) => Math.max(a, b));
    // Of infinities and NaN the greatest is the result; their difference would not be.
    const sum = scaled.reduce((total, element) => total + Math.exp(element - greatest), 0);
    to[n] = Number.isFinite(greatest) ? greatest + Math.log(sum) : greatest;
  }
}
