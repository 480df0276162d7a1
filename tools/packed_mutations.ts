/**
 * The faults that `mutate.ts` plants in what packed weights are made and multiplied with.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

/** Faults in packed weights. */
export const PACKED: readonly Mutation[] = [
  {
    file: "cpu/packed_codes.h",
    find: "if (bits == 8) return to_bf16(magnitude / 127);",
    replace: "if (bits == 8) return to_bf16(magnitude / 128);",
    why: "the scale of 8 bits is too small",
  },
  {
    file: "cpu/packed_codes.h",
    find: "return to_bf16(x[i] / -8);",
    replace: "return to_bf16(magnitude / 8);",
    why: "the scale of 4 bits has no sign",
  },
  {
    file: "cpu/packed_codes.h",
    find: "ratio = ratio > highest ? highest : ratio;",
    replace: "",
    why: "codes pass the highest",
  },
  {
    file: "cpu/packed_codes.h",
    find: "(BitsVector)(x + 12582912.0f) - 0x4b400000u",
    replace: "(BitsVector)(x - 0.5f + 12582912.0f) - 0x4b400000u",
    why: "rounds down",
  },
  {
    file: "cpu/packed_codes.h",
    find: "codes[i + j] | codes[i + 4 + j] << 4",
    replace: "codes[i + 4 + j] | codes[i + j] << 4",
    why: "the halves of a byte are exchanged",
  },
  {
    file: "cpu/packed_codes.h",
    find: "to_float(weight.scale(row, column / group))",
    replace: "to_float(weight.scale(row, 0))",
    why: "every group is read with the scale of the first",
  },
  {
    file: "common/packed.h",
    find: "row % packed_rows * 4;",
    replace: "row % 8 * 4;",
    why: "two rows of a block share their codes",
  },
  {
    file: "cpu/packed.cc",
    find: "return codes[column / 2] >> (column % 2 * 4) & 15;",
    replace: "return codes[column / 2] >> (4 - column % 2 * 4) & 15;",
    why: "codes in a file begin with the upper half of a byte",
  },
  {
    file: "cpu/packed.cc",
    find: "g * group / args.group));",
    replace: "g));",
    why: "wide groups of a file are taken for narrow ones",
  },
  {
    file: "cpu/packed_input.h",
    find: "to.scales[g] = magnitude / 127 + sum(flaws);",
    replace: "to.scales[g] = magnitude / 127;",
    why: "a NaN in x is taken for a number",
  },
  {
    file: "cpu/packed_input.h",
    find: "sums += code;",
    replace: "sums = code;",
    why: "the sum of a group's codes has the last ones only",
  },
  {
    file: "cpu/packed_dot.h",
    find: "return -(sum << (Code::bits - 1));",
    replace: "return -(sum << 3);",
    why: "8 bits count from the zero of 4",
  },
  {
    file: "cpu/linear_packed.h",
    find: "four = (half ? (IntVector)((BitsVector)four >> 4) : four) & 0x0f0f0f0f;",
    replace: "four = four & 0x0f0f0f0f;",
    why: "the lower halves of the bytes in place of the upper",
  },
  {
    file: "cpu/linear_packed.h",
    find: "(scale * x[r].scales[g]);",
    replace: "(scale * x[0].scales[g]);",
    why: "every row of x has the scale of the first in its tile",
  },
  {
    file: "cpu/linear_packed.h",
    find: "smaller(lanes, weight.rows - output)",
    replace: "lanes",
    why: "writes past the last output",
  },
];
