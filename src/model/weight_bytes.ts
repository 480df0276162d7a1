/**
 * How much memory weights need, without allocating any.
 *
 * @module
 */
import { ELEMENT_BYTES, PACKED_ROWS, type Tensor } from "../ops.ts";
import type { MatrixType } from "./weight_types.ts";
import type { TensorSupply } from "./weights.ts";

/** Supplies tensors that have a shape and nothing else, and adds up their bytes. */
export class CountingSupply implements TensorSupply {
  bytes = 0;

  take(type: MatrixType, rows: number, columns: number): Tensor {
    this.bytes += matrixBytes(type, rows, columns);
    return new Shape(typeof type === "object" ? type.type : type, rows, columns);
  }
}

/** A tensor without memory. */
class Shape implements Tensor {
  constructor(
    readonly type: Tensor["type"],
    readonly rows: number,
    readonly columns: number,
  ) {}

  rowView(_: number, count: number): Shape {
    return new Shape(this.type, count, this.columns);
  }

  columnView(_: number, count: number): Shape {
    return new Shape(this.type, this.rows, count);
  }

  [Symbol.dispose](): void {}
}

/** Bytes of a matrix; of packed ones without what aligns scales, less than a hundredth. */
function matrixBytes(type: MatrixType, rows: number, columns: number): number {
  if (typeof type === "string") return rows * columns * ELEMENT_BYTES[type];
  const whole = Math.ceil(rows / PACKED_ROWS) * PACKED_ROWS;
  const codes = columns * (type.type === "q8" ? 1 : 0.5);
  return whole * (codes + columns / type.group * ELEMENT_BYTES.bf16);
}
