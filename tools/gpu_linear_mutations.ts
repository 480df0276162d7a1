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
    find: "if (sizes.has_bias) total += bias[output];",
    replace: "",
    why: "linear forgets the bias",
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
    find: "lane / 4 + i / 2 * 8",
    replace: "lane / 4 + i % 2 * 8",
    why: "sums of a tile stand in each other's rows",
  },
  {
    file: "gpu/linear_tile.h",
    find: "    barrier();\n    for (uint32_t c = lane;",
    replace: "    for (uint32_t c = lane;",
    why: "a tile is read before it is there",
  },
  {
    file: "gpu/linear_tile.h",
    find: "    barrier();\n  }\n  // As warp_sum",
    replace: "  }\n  // As warp_sum",
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
    find: "c < columns; c += warp_size",
    replace: "c < tile_columns; c += warp_size",
    why: "a tile multiplies columns that are not there",
  },
  {
    file: "gpu/linear_tile.h",
    find: "kept + shuffle_xor(is_upper ? sums[i] : sums[2 * mask + i], mask)",
    replace: "kept + shuffle_xor(is_upper ? sums[2 * mask + i] : sums[i], mask)",
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
];
