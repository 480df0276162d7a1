/**
 * The faults that `mutate.ts` plants in the products of GPUs.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

/** Faults that the emulator must notice. */
export const GPU_LINEAR: readonly Mutation[] = [
  {
    file: "gpu/packed_weights.h",
    find: "place % 2 ? pair & 0xffff0000u : pair << 16",
    replace: "place % 2 ? pair << 16 : pair & 0xffff0000u",
    why: "scales of neighbours are exchanged",
  },
  {
    file: "gpu/linear.h",
    find: "sizes.has_bias ? total + bias[output] : total",
    replace: "total",
    why: "linear forgets the bias",
  },
  {
    file: "gpu/linear.h",
    find: "lesser(begin + linear_run(sizes.inputs), sizes.inputs)",
    replace: "sizes.inputs",
    why: "a run of columns has those of the next",
  },
  {
    file: "gpu/linear.h",
    find: "      if (r >= rows) continue;\n",
    replace: "",
    why: "rows after the last are multiplied",
  },
  {
    file: "gpu/linear.h",
    find: "  barrier();\n",
    replace: "",
    why: "runs are added before they are there",
  },
  {
    file: "gpu/linear_packed.h",
    find: "    barrier();                                                                     " +
      "             \\\n",
    replace: "",
    why: "sums are added before they are there",
  },
  {
    file: "gpu/linear_packed.h",
    find: "(column + 32) % group > 0",
    replace: "false",
    why: "half a group of 64 is scaled and added by itself",
  },
  {
    file: "gpu/linear_packed.h",
    find: "const PackedStep<bits> step = next;",
    replace: "const PackedStep<bits> step = load_packed_step<bits>(codes, begin);",
    why: "every step has the weights of the first",
  },
  {
    file: "gpu/linear_packed.h",
    find: "block_words + sizes.packed.scale_words + quad)",
    replace: "block_words + sizes.packed.scale_words + quad + 1)",
    why: "16 bytes are read where no multiple of 16 is",
  },
  {
    file: "gpu/packed_weights.h",
    find: "0x78787878u",
    replace: "0x79797979u",
    why: "codes of 4 bits count from another zero",
  },
  {
    file: "gpu/packed_weights.h",
    find: "signed_halves(word >> column % 8)",
    replace: "signed_halves(word)",
    why: "a tile has the lower halves of codes twice",
  },
  {
    file: "gpu/linear_packed.h",
    find: "begin = split * run,",
    replace: "begin = (packed_splits - 1 - split) * run,",
    why: "a row alone adds the runs of its groups in another order",
  },
  {
    file: "gpu/linear_packed_tile.h",
    find: "ends_group && end / group % run_groups == 0",
    replace: "false",
    why: "a tile adds the groups of all runs in one",
  },
  {
    file: "gpu/linear_packed_tile.h",
    find: "barrier();  // what is there may still be read",
    replace: "",
    why: "codes of a tile are overwritten before they are multiplied",
  },
  {
    file: "gpu/linear_packed_tile.h",
    find: "x_scales[step * packed_tile_rows",
    replace: "x_scales[0 * packed_tile_rows",
    why: "a tile scales groups by what the one before has",
  },
  {
    file: "gpu/linear_packed_tile.h",
    find: "tile.output + r, sizes.outputs - 1)",
    replace: "tile.output + r, sizes.outputs)",
    why: "a tile reads weights after the last",
  },
  {
    file: "gpu/tile_products.h",
    find: "lane_row(lane) + i / 2 * 8",
    replace: "lane_row(lane) + i % 2 * 8",
    why: "sums of a tile stand in each other's rows",
  },
  {
    file: "gpu/float_tile_products.h",
    find: "signed_byte(second, byte + row % 2)",
    replace: "signed_byte(second, byte)",
    why: "every other column of a tile is the one before",
  },
  {
    file: "gpu/float_tile_products.h",
    find: "step < 4",
    replace: "step < 3",
    why: "a tile lacks its last columns",
  },
  {
    file: "gpu/linear_tile.h",
    find: "    barrier();\n    for (uint32_t c = lane;",
    replace: "    for (uint32_t c = lane;",
    why: "a tile is read before it is there",
  },
  {
    file: "gpu/linear_tile.h",
    find: "    barrier();\n    if ((first",
    replace: "    if ((first",
    why: "a tile is overwritten before it is read",
  },
  {
    file: "gpu/linear_tile.h",
    find: "lesser(first + r, rows - 1)",
    replace: "(first + r)",
    why: "a tile reads rows after the last",
  },
  {
    file: "gpu/linear_tile.h",
    find: "(first + tile_columns) % run > 0 && first",
    replace: "first",
    why: "a tile of floats adds the columns of all runs in one",
  },
  {
    file: "gpu/numbers.h",
    find: "kept + shuffle_xor(is_upper ? sums.at[i] : sums.at[left + i], mask)",
    replace: "kept + shuffle_xor(is_upper ? sums.at[left + i] : sums.at[i], mask)",
    why: "lanes of a tile add up sums of different outputs",
  },
  {
    file: "gpu/host/linear.cc",
    find: "{blocks_for(outputs, packed_rows), blocks_for",
    replace: "{outputs / packed_rows, blocks_for",
    why: "the last outputs are not computed",
  },
  {
    file: "gpu/host/linear.cc",
    find: "blocks_for(rows, rows_each) * blocks_for",
    replace: "(rows / rows_each) * blocks_for",
    why: "the last rows are in no tile",
  },
  {
    file: "gpu/linear_bf16.h",
    find: "column, columns, sizes.wide_weight)",
    replace: "column, columns, 1)",
    why: "weights that do not lie at multiples of 16 bytes are read at once",
  },
  {
    file: "gpu/wide.h",
    find: "i < count ? row[column + i] : bf16(0)",
    replace: "row[column + i]",
    why: "weights are read after their last column",
  },
  {
    file: "gpu/linear_bf16.h",
    find: "output < sizes.outputs ? sizes.inputs : 0",
    replace: "sizes.inputs",
    why: "weights are read after the last output",
  },
  {
    file: "gpu/linear_bf16.h",
    find: "row < sizes.rows ? sizes.inputs : 0",
    replace: "sizes.inputs",
    why: "x is read after its last row",
  },
  {
    file: "gpu/linear_bf16.h",
    find: "lesser((run + 1) * run_columns, sizes.inputs)",
    replace: "sizes.inputs",
    why: "runs add up each other's columns",
  },
  {
    file: "gpu/linear_bf16.h",
    find: "  barrier();\n  const uint32_t tile = run / 4",
    replace: "  const uint32_t tile = run / 4",
    why: "runs are added before they are there",
  },
  {
    file: "gpu/linear_bf16.h",
    find: "float total = 0.0f;\n  for (uint32_t r = 0; r < bf16_runs; ++r)",
    replace: "float total = 0.0f;\n  for (uint32_t r = bf16_runs; r-- > 0;)",
    why: "a few rows add their runs in another order than a tile",
  },
  {
    file: "gpu/linear_bf16.h",
    find: "eight_weights(sizes, weight, output + lane_row(lane), column)",
    replace: "eight_weights(sizes, weight, output + lane / 4, column)",
    why: "weights are brought by the lanes that CUDA has them in",
  },
  {
    file: "gpu/wide.h",
    find: "pair_of(from_float<bf16>(lower)",
    replace: "pair_of(bf16(bits_of(lower) >> 16)",
    why: "x is cut off, not rounded",
  },
  {
    file: "gpu/linear_bf16_tile.h",
    find: "end % run_columns != 0 && end",
    replace: "end",
    why: "a tile adds the columns of all runs in one",
  },
  {
    file: "gpu/linear_bf16_tile.h",
    find: "barrier();  // what is there may still be read",
    replace: "",
    why: "columns of bf16 are overwritten before they are multiplied",
  },
  {
    file: "gpu/linear_bf16_tile.h",
    find: "    barrier();\n    next = ",
    replace: "    next = ",
    why: "columns of bf16 are multiplied before they are there",
  },
  {
    file: "gpu/linear_bf16_tile.h",
    find: "output, first + bf16_columns, THREAD",
    replace: "output, first, THREAD",
    why: "a tile multiplies its first columns again",
  },
  {
    file: "gpu/linear.h",
    find: "row >= sizes.rows || output",
    replace: "output",
    why: "a tile writes rows after the last",
  },
  {
    file: "gpu/matrix_products.h",
    find: "sums.at[2] = dot_eight(lower, first",
    replace: "sums.at[2] = dot_eight(upper, first",
    why: "lower outputs get the products of upper ones",
  },
  {
    file: "gpu/host/linear.cc",
    find: "rows > CT_BF16_FEW_ROWS",
    replace: "rows > CT_BF16_FEW_ROWS + 1",
    why: "one row more than a block has is not computed",
  },
];
