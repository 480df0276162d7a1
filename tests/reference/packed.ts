/**
 * Packed weights in float64: what their rounding leaves, and what codes in a file stand for.
 *
 * @module
 */
import type { PackedType } from "../../src/ops.ts";
import { roundToBf16 } from "./numbers.ts";

/** The bits of a code. */
export const CODE_BITS: Readonly<Record<PackedType, 4 | 8>> = { q8: 8, q4: 4 };

/** A row after each group of its elements was rounded to codes and a scale. */
export function roundToPacked(row: ArrayLike<number>, bits: 4 | 8, group: number): Float64Array {
  const result = Float64Array.from(row);
  for (let start = 0; start < row.length; start += group) {
    const elements = result.subarray(start, start + group);
    const scale = scaleOf(elements, bits);
    for (let i = 0; i < group; i++) {
      // A code has no negative zero.
      const code = scale === 0 ? 0 : roundToEven(Math.fround(elements[i]! / scale)) || 0;
      elements[i] = scale * Math.max(-(2 ** (bits - 1)), Math.min(2 ** (bits - 1) - 1, code));
    }
  }
  return result;
}

function scaleOf(elements: Float64Array, bits: 4 | 8): number {
  let greatest = 0;
  for (const element of elements) {
    if (Math.abs(element) > Math.abs(greatest)) greatest = element;
  }
  return roundToBf16([bits === 8 ? Math.abs(greatest) / 127 : greatest / -8])[0]!;
}

function roundToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

/** What a row of codes in a file stands for, each group with its scale. */
export function fromCodes(codes: Uint8Array, scales: Float64Array, bits: 4 | 8): Float64Array {
  const columns = codes.length * 8 / bits;
  const group = columns / scales.length;
  return Float64Array.from({ length: columns }, (_, column) => {
    const byte = codes[Math.floor(column * bits / 8)]!;
    const code = bits === 8 ? byte - 128 : (column % 2 === 0 ? byte % 16 : byte >> 4) - 8;
    return code * scales[Math.floor(column / group)]!;
  });
}
