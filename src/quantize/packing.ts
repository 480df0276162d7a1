/**
 * Small whole numbers, as many as fit into each 32-bit word.
 *
 * @module
 */

/** Bytes of a row of `columns` numbers: whole 32-bit words. */
export function packedBytes(columns: number, bits: 4 | 8): number {
  return 4 * Math.ceil(columns * bits / 32);
}

/**
 * Packs a row of codes, each less than 2^bits, lowest bits first, into `out`, which begins with
 * zeros. In the little-endian words of the file that is byte after byte.
 */
export function packRow(codes: Uint8Array, bits: 4 | 8, out: Uint8Array): void {
  if (bits === 8) return out.set(codes);
  for (let i = 0; i < codes.length; i += 2) {
    out[i >> 1] = codes[i]! | (i + 1 < codes.length ? codes[i + 1]! << 4 : 0);
  }
}
