import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type GroupFormat, GroupQuantizer } from "../src/quantize/group_quantizer.ts";
import { packedBytes, packRow } from "../src/quantize/packing.ts";
import { normal, Random } from "./cases/random.ts";
import { codeAt } from "./packed_checkpoint.ts";
import { fromBf16, roundToBf16 } from "./reference/numbers.ts";

const FORMATS: readonly GroupFormat[] = [
  { bits: 4, group: 32 },
  { bits: 4, group: 64 },
  { bits: 8, group: 32 },
  { bits: 8, group: 64 },
];

const COLUMNS = 192;

/** Rows whose groups have very different sizes and outliers. */
function randomRows(rows: number, seed: number): Float32Array {
  const random = new Random(seed);
  const fill = normal(1);
  return Float32Array.from({ length: rows * COLUMNS }, (_, i) => {
    const size = 10 ** (Math.floor(i / 32) % 7 - 4);
    return size * fill(random, 0, i) * (random.below(40) === 0 ? 4 : 1);
  });
}

function randomImportance(seed: number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length: COLUMNS }, () => 0.01 + random.next() ** 4);
}

/** Σ h·(w − scale·q)² of each group with q the best whole numbers for its scale. */
function errorsAt(
  { bits, group }: GroupFormat,
  row: Float32Array,
  importance: Float64Array,
  scaleOf: (group: Float32Array) => number,
): number[] {
  const half = 2 ** (bits - 1);
  return Array.from({ length: COLUMNS / group }, (_, g) => {
    const values = row.subarray(g * group, (g + 1) * group);
    const scale = scaleOf(values);
    return values.reduce((sum, value, c) => {
      const q = Math.max(-half, Math.min(half - 1, Math.round(value / scale)));
      return sum + importance[g * group + c]! * (value - scale * q) ** 2;
    }, 0);
  });
}

/** The scale with which the number of greatest magnitude is the last that needs no clipping. */
function greatestScale(bits: number): (values: Float32Array) => number {
  return (values) => {
    const greatest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return roundToBf16([greatest / (2 ** (bits - 1) - 1)])[0]!;
  };
}

for (const format of FORMATS) {
  const name = `${format.bits} bits in groups of ${format.group}`;

  Deno.test(`GroupQuantizer.row() is never worse than the greatest number's scale, ${name}`, () => {
    const rows = randomRows(50, 1);
    for (const importance of [undefined, randomImportance(2)]) {
      const weights = importance ?? new Float64Array(COLUMNS).fill(1);
      const quantizer = new GroupQuantizer(format, COLUMNS, importance);
      const codes = new Uint8Array(COLUMNS);
      const scales = new Uint16Array(quantizer.groups);
      const half = 2 ** (format.bits - 1);
      let [total, plain] = [0, 0];
      for (let start = 0; start < rows.length; start += COLUMNS) {
        const row = rows.subarray(start, start + COLUMNS);
        assert(quantizer.row(rows, start, codes, scales));
        const scaled = fromBf16(scales);
        const limits = errorsAt(format, row, weights, greatestScale(format.bits));
        for (const [g, limit] of limits.entries()) {
          let error = 0;
          for (let c = g * format.group; c < (g + 1) * format.group; c++) {
            const value = scaled[g]! * (codes[c]! - half);
            error += weights[c]! * (row[c]! - value) ** 2;
          }
          assert(error <= limit * (1 + 1e-9), `group ${g}: ${error} > ${limit}`);
          total += error;
          plain += limit;
        }
      }
      assertAlmostEquals(quantizer.error / total, 1, 1e-6);
      // Outliers leave room for better scales.
      if (format.bits === 4) assert(total < 0.9 * plain, `${total} against ${plain}`);
    }
  });

  Deno.test(`GroupQuantizer.row() is exact for what the format can hold, ${name}`, () => {
    const half = 2 ** (format.bits - 1);
    const random = new Random(4);
    for (const scale of [0.5, -0.03125]) {
      // Each group has the lowest number, which only one place of the search keeps.
      const row = Float32Array.from(
        { length: COLUMNS },
        (_, c) => scale * (c % format.group === 3 ? -half : random.below(2 * half) - half),
      );
      const quantizer = new GroupQuantizer(format, COLUMNS);
      const codes = new Uint8Array(COLUMNS);
      const scales = new Uint16Array(quantizer.groups);
      assert(quantizer.row(row, 0, codes, scales));
      const scaled = fromBf16(scales);
      const values = row.map((_, c) => scaled[Math.floor(c / format.group)]! * (codes[c]! - half));
      assertEquals(values, row);
      assertEquals(quantizer.error, 0);
    }
  });
}

Deno.test("GroupQuantizer.row() gives zeros for zeros and refuses what is not finite", () => {
  const quantizer = new GroupQuantizer({ bits: 4, group: 32 }, 32);
  const codes = new Uint8Array(32).fill(99);
  const scales = new Uint16Array(1).fill(0xffff);
  const values = new Float32Array(32);
  assert(quantizer.row(values, 0, codes, scales));
  assertEquals(codes, new Uint8Array(32).fill(8));
  assert(Number.isFinite(fromBf16(scales)[0]));
  values[7] = 1e-38;
  assert(quantizer.row(values, 0, codes, scales));
  assertEquals(codes, new Uint8Array(32).fill(8));
  for (const wrong of [NaN, Infinity, -Infinity]) {
    values[7] = wrong;
    assert(!quantizer.row(values, 0, codes, scales));
  }
});

Deno.test("packRow() puts the lowest bits first, as plain loops read them", () => {
  const random = new Random(3);
  for (const bits of [4, 8] as const) {
    for (const columns of [1, 2, 7, 8, 31, 32, 33, 127]) {
      const codes = Uint8Array.from({ length: columns }, () => random.below(2 ** bits));
      const bytes = new Uint8Array(packedBytes(columns, bits));
      packRow(codes, bits, bytes);
      const words = new Int32Array(bytes.buffer);
      assertEquals(words.length, Math.ceil(columns * bits / 32));
      const half = 2 ** (bits - 1);
      for (const [c, code] of codes.entries()) {
        assertEquals(codeAt(words, words.length, bits, 0, c), code - half);
      }
    }
  }
  // The numbers 1 and 2 in 8 bits, 128 added, and zeros after them.
  const bytes = new Uint8Array(packedBytes(2, 8));
  packRow(Uint8Array.of(129, 130), 8, bytes);
  assertEquals(new Int32Array(bytes.buffer), Int32Array.of(33409));
});
