/**
 * Arrays of what tensors hold.
 *
 * @module
 */
import type { Tensor } from "../src/ops.ts";

const ARRAYS = {
  f32: Float32Array,
  bf16: Uint16Array,
  i32: Int32Array,
  q8: Float32Array,
  q4: Float32Array,
} as const;

/** Bytes of `data`, when it is of the tensor's type; the library compares its size. */
export function dataBytes(
  what: string,
  { type, rows, columns }: Tensor,
  data: Float32Array | Int32Array | Uint16Array,
): bigint {
  if (data instanceof ARRAYS[type]) return BigInt(data.byteLength);
  throw new TypeError(
    `${what}: data is ${data.constructor.name} but tensor is [${rows}, ${columns}] of ${type}; ` +
      `pass ${ARRAYS[type].name}`,
  );
}
