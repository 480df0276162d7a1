/**
 * Checks the arrays that tensors are written from and read into.
 *
 * @module
 */
import { DATA_ARRAYS, type Tensor } from "../src/ops.ts";

/** Bytes of `data`, when it is of the tensor's type; the library compares its size. */
export function dataBytes(
  what: string,
  { type, rows, columns }: Tensor,
  data: Float32Array | Int32Array | Uint16Array,
): bigint {
  if (data instanceof DATA_ARRAYS[type]) return BigInt(data.byteLength);
  throw new TypeError(
    `${what}: data is ${data.constructor.name} but tensor is [${rows}, ${columns}] of ${type}; ` +
      `pass ${DATA_ARRAYS[type].name}`,
  );
}
