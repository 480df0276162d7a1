/**
 * Random weights of a given shape, so that speed and memory can be measured without a checkpoint.
 *
 * @module
 */
import { type FileElementType, type Ops, PACKED_ROWS, type Tensor } from "../ops.ts";
import type { WeightSource } from "./weights.ts";

const BLOCK = 1 << 20;

/**
 * Repeats one block of seeded random numbers; norms are near 1, matrices keep activations of order
 * 1.
 */
export class RandomSource implements WeightSource {
  readonly #ops: Ops;
  readonly #block = new Float32Array(BLOCK);

  constructor(ops: Ops, seed: number) {
    this.#ops = ops;
    let state = seed >>> 0;
    for (let i = 0; i < BLOCK; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      this.#block[i] = state / 2 ** 31 - 1;
    }
  }

  type(): FileElementType {
    return "bf16";
  }

  load(out: Tensor, name: string, shape: readonly number[]): void {
    const isNorm = name.endsWith("norm.weight") || name.endsWith("layernorm.weight");
    const scale = shape.length === 2 ? Math.sqrt(3 / out.columns) : 0.1;
    const rows = Math.ceil(BLOCK / out.columns / PACKED_ROWS) * PACKED_ROWS;
    const values = new Float32Array(Math.min(rows, out.rows) * out.columns);
    for (let i = 0; i < values.length; i++) {
      values[i] = this.#block[i % BLOCK]! * scale + (isNorm ? 1 : 0);
    }
    // bf16 is the upper half of f32; random numbers need no rounding.
    const data = out.type === "bf16"
      ? Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16)
      : values;
    for (let row = 0; row < out.rows; row += rows) {
      using view = out.rowView(row, Math.min(rows, out.rows - row));
      this.#ops.write(view, data.subarray(0, view.rows * view.columns));
    }
  }
}
