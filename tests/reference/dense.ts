/**
 * Operators whose rows are independent of each other.
 *
 * @module
 */
import type { Tensor } from "../../src/ops.ts";
import { inverseRms, silu as siluOf } from "./functions.ts";
import { indices, operand } from "./tensor.ts";

const WEIGHT = ["f32", "bf16", "q8", "q4"] as const;

export function rmsNorm(out: Tensor, x: Tensor, weight: Tensor, epsilon: number): void {
  const from = operand("rms_norm", "x", x);
  const to = operand("rms_norm", "out", out, { rows: x.rows, columns: x.columns });
  const size = weight.columns;
  const scales = operand("rms_norm", "weight", weight, { rows: 1 }).row(0);
  if (x.columns % size) throw new Error(`rms_norm: weight has ${size} columns; pass a divisor`);
  for (let n = 0; n < x.rows; n++) {
    for (let start = 0; start < x.columns; start += size) {
      const head = from.row(n).slice(start, start + size);
      const factor = inverseRms(head, epsilon);
      to.row(n).set(head.map((element, i) => scales[i]! * element * factor), start);
    }
  }
}

export function gatedNorm(
  out: Tensor,
  x: Tensor,
  gate: Tensor,
  weight: Tensor,
  epsilon: number,
): void {
  const size = weight.columns;
  const from = operand("gated_norm", "x", x);
  const to = operand("gated_norm", "out", out, { rows: x.rows, columns: x.columns });
  const by = operand("gated_norm", "gate", gate, { rows: x.rows, columns: x.columns });
  const scales = operand("gated_norm", "weight", weight, { rows: 1 }).row(0);
  if (x.columns % size) throw new Error(`gated_norm: weight has ${size} columns; pass a divisor`);
  for (let n = 0; n < x.rows; n++) {
    for (let start = 0; start < x.columns; start += size) {
      const head = from.row(n).slice(start, start + size);
      const gates = by.row(n).slice(start, start + size);
      const factor = inverseRms(head, epsilon);
      for (let i = 0; i < size; i++) {
        to.row(n)[start + i] = scales[i]! * head[i]! * factor * siluOf(gates[i]!);
      }
    }
  }
}

export function linear(out: Tensor, x: Tensor, weight: Tensor, bias?: Tensor): void {
  const from = operand("linear", "x", x);
  const matrix = operand("linear", "weight", weight, { types: WEIGHT, columns: x.columns });
  const to = operand("linear", "out", out, { rows: x.rows, columns: weight.rows });
  const offsets = bias && operand("linear", "bias", bias, { rows: 1, columns: weight.rows }).row(0);
  for (let n = 0; n < x.rows; n++) {
    const input = from.row(n);
    const result = to.row(n);
    for (let m = 0; m < weight.rows; m++) {
      result[m] = dot(input, matrix.row(m)) + (offsets?.[m] ?? 0);
    }
  }
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

export function add(out: Tensor, x: Tensor, y: Tensor): void {
  elementwise("add", ["out", "x", "y"], [out, x, y], (a, b) => a + b);
}

export function silu(out: Tensor, x: Tensor): void {
  elementwise("silu", ["out", "x", "x"], [out, x, x], siluOf);
}

export function swiglu(out: Tensor, gate: Tensor, up: Tensor): void {
  elementwise("swiglu", ["out", "gate", "up"], [out, gate, up], (a, b) => siluOf(a) * b);
}

type Three<T> = readonly [T, T, T];

function elementwise(
  operator: string,
  names: Three<string>,
  tensors: Three<Tensor>,
  combine: (x: number, y: number) => number,
): void {
  const size = { rows: tensors[1].rows, columns: tensors[1].columns };
  const to = operand(operator, names[0], tensors[0], size);
  const x = operand(operator, names[1], tensors[1]);
  const y = operand(operator, names[2], tensors[2], size);
  for (let n = 0; n < size.rows; n++) {
    const right = y.row(n);
    to.setRow(n, x.row(n).map((left, i) => combine(left, right[i]!)));
  }
}

/**
 * The contract rounds a frequency and its product with the position to f32, because training did;
 * with `exactAngles` neither is rounded, as in the golden files.
 */
export function rotary(
  out: Tensor,
  x: Tensor,
  positions: Tensor,
  headSize: number,
  theta: number,
  exactAngles: boolean,
): void {
  const from = operand("rotary", "x", x);
  const to = operand("rotary", "out", out, { rows: x.rows, columns: x.columns });
  const places = indices("rotary", "positions", positions, x.rows);
  const isWhole = headSize > 0 && headSize % 2 === 0 && x.columns % headSize === 0;
  if (!isWhole) throw new Error(`rotary: head_size is ${headSize}; pass an even divisor of x`);
  const round = exactAngles ? (number: number) => number : Math.fround;
  const half = headSize / 2;
  for (let n = 0; n < x.rows; n++) {
    for (let start = 0; start < x.columns; start += headSize) {
      for (let i = 0; i < half; i++) {
        const frequency = round(theta ** (-2 * i / headSize));
        const product = places[n]! * frequency;
        const angle = places[n]! < 2 ** 17 ? round(product) : product;
        const first = from.row(n)[start + i]!;
        const second = from.row(n)[start + half + i]!;
        to.row(n)[start + i] = first * Math.cos(angle) - second * Math.sin(angle);
        to.row(n)[start + half + i] = second * Math.cos(angle) + first * Math.sin(angle);
      }
    }
  }
}
