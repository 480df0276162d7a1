/**
 * Conversions between float64 and the element types of weight files, whole arrays at a time.
 *
 * @module
 */
import type { FileElementType } from "../../src/ops.ts";

/** The values that bf16 bits stand for: bf16 is the upper half of f32. */
export function fromBf16(bits: Uint16Array): Float64Array {
  const words = Uint32Array.from(bits, (half) => half << 16);
  return Float64Array.from(new Float32Array(words.buffer));
}

/**
 * The bits of the bf16 nearest to each value after rounding it to f32; of two equally near, the
 * even one.
 */
export function toBf16(values: ArrayLike<number>): Uint16Array {
  const words = new Uint32Array(Float32Array.from(values).buffer);
  return Uint16Array.from(words, (word) => {
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    if (isNaN) return (word >>> 16) | 0x40;
    const kept = word >>> 16;
    const rest = word & 0xffff;
    return rest > 0x8000 || (rest === 0x8000 && kept % 2 === 1) ? kept + 1 : kept;
  });
}

/** Each value rounded to bf16. */
export function roundToBf16(values: ArrayLike<number>): Float64Array {
  return fromBf16(toBf16(values));
}

/** The values that f16 bits stand for. */
export function fromF16(bits: Uint16Array): Float64Array {
  return Float64Array.from(bits, (half) => {
    const sign = half >>> 15 ? -1 : 1;
    const exponent = (half >>> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}

/** Decodes the elements of a weight file. */
export function fromFile(bytes: Uint8Array, type: FileElementType): Float64Array {
  const copy = bytes.slice().buffer;
  if (type === "f32") return Float64Array.from(new Float32Array(copy));
  return type === "bf16" ? fromBf16(new Uint16Array(copy)) : fromF16(new Uint16Array(copy));
}
