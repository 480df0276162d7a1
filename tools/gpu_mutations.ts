/**
 * The faults that `mutate.ts` plants in the kernels of GPUs, and in what calls them.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

/** Faults that the emulator must notice. */
export const GPU: readonly Mutation[] = [
  {
    file: "gpu/elementwise.h",
    find: "silu(gate[row * sizes.x_stride + c]) * up[row * sizes.y_stride + c]",
    replace: "silu(gate[row * sizes.x_stride + c]) * up[row * sizes.x_stride + c]",
    why: "up has the stride of gate",
  },
  {
    file: "gpu/rms_norm.h",
    find: "block_sum(squares, parts, THREAD) / float(sizes.head_size)",
    replace: "warp_sum(squares) / float(sizes.head_size)",
    why: "the mean is that of a warp",
  },
  {
    file: "gpu/rms_norm.h",
    find: "first = BLOCK_Y * sizes.head_size;",
    replace: "first = 0 * sizes.head_size;",
    why: "every head of rms_norm is the first",
  },
  {
    file: "gpu/numbers.h",
    find: `  x = warp_sum(x);
  barrier();  // parts may still be read
  if (thread_index % warp_size == 0) parts[thread_index / warp_size] = x;
  barrier();`,
    replace: `  x = warp_sum(x);
  barrier();  // parts may still be read
  if (thread_index % warp_size == 0) parts[thread_index / warp_size] = x;`,
    why: "parts of a sum are read before they are written",
  },
  {
    file: "gpu/numbers.h",
    find: `  x = warp_sum(x);
  barrier();  // parts may still be read`,
    replace: "  x = warp_sum(x);",
    why: "parts of a sum are overwritten before they are read",
  },
  {
    file: "gpu/numbers.h",
    find: "(bits + 0x7fffu + (bits >> 16 & 1u)) >> 16",
    replace: "(bits + 0x8000u) >> 16",
    why: "ties are rounded up",
  },
  {
    file: "gpu/gated_norm.h",
    find: "* silu(gates[c])",
    replace: "* sigmoid(gates[c])",
    why: "another gate",
  },
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
    find: "totals[THREAD] = total;\n  barrier();",
    replace: "totals[THREAD] = total;",
    why: "sums are added before they are there",
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
    find: "begin = THREAD / packed_rows * split_groups",
    replace: "begin = (packed_splits - 1 - THREAD / packed_rows) * split_groups",
    why: "a row alone adds the runs of its groups in another order",
  },
  {
    file: "gpu/linear_packed_tile.h",
    find: "ends_group && end / group % split_groups == 0",
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
    file: "gpu/turns.h",
    find: "fused_multiply_add(low, frequency, -low_angle)",
    replace: "0.0f",
    why: "what an angle is rounded by is lost",
  },
  {
    file: "gpu/rotary.h",
    find: "position < rotary_rounded_positions ? turn_by(float(position) * frequency)",
    replace: "position < 0 ? turn_by(float(position) * frequency)",
    why: "angles are not rounded as in training",
  },
  {
    file: "gpu/dynamic_convolution.h",
    find: "for (uint32_t r = 0; r + 1 < sizes.width; ++r) {",
    replace: "for (uint32_t r = sizes.width - 1; r-- > 0;) {",
    why: "old inputs are overwritten before they are moved",
  },
  {
    file: "gpu/gated_delta.h",
    find: "  shared.changes[thread_index] = change;\n  barrier();",
    replace: "  shared.changes[thread_index] = change;",
    why: "changes are added before they are there",
  },
  {
    file: "gpu/gated_delta.h",
    find: "alpha * shared.state[place]",
    replace: "shared.state[place]",
    why: "the state does not decay",
  },
  {
    file: "gpu/cache_append.h",
    find: "const bool begins = row % sizes.page_tokens == 0;",
    replace: "const bool begins = false;",
    why: "a page keeps the bounds of the one before",
  },
  {
    file: "gpu/attention.h",
    find: "if (next < list.width) stop = lesser(stop, uint32_t(list.starts[next]));",
    replace: "",
    why: "a page does not end where the next begins",
  },
  {
    file: "gpu/attention.h",
    find: "sum = sum * factor + warp_sum(weight) * 0.5f;",
    replace: "sum = sum + warp_sum(weight) * 0.5f;",
    why: "earlier weights are not brought to the new greatest",
  },
  {
    file: "gpu/attention.h",
    find: "shared.weights[lane] = weight;\n    barrier();",
    replace: "shared.weights[lane] = weight;",
    why: "weights are used before they are there",
  },
  {
    file: "gpu/page_scores.h",
    find: "to[e] = limit > -infinity() ? limit - most : limit;",
    replace: "to[e] = limit;",
    why: "limits are not relative to the greatest",
  },
  {
    file: "gpu/select_pages.h",
    find: "const bool is_free = place > 0 && place < found - recent;",
    replace: "const bool is_free = place < found - recent;",
    why: "the first page takes the place of another",
  },
  {
    file: "gpu/select_pages.h",
    find: "  }\n  barrier();",
    replace: "  }",
    why: "marks are counted before they are made",
  },
  {
    file: "gpu/order.h",
    find: "x.key == y.key && x.index < y.index",
    replace: "x.key == y.key && x.index > y.index",
    why: "of equal ones the last is chosen",
  },
  {
    file: "gpu/log_sum_exp.h",
    find: "fabs(most) < infinity() ? most : 0.0f",
    replace: "most",
    why: "infinity becomes NaN",
  },
  {
    file: "gpu/host/recurrent.cc",
    find: "{args.out.stride,   args.q.stride, args.k.stride,",
    replace: "{args.out.stride,   args.k.stride, args.q.stride,",
    why: "q and k have each other's strides",
  },
  {
    file: "gpu/host/linear.cc",
    find: "{blocks_for(outputs, packed_rows), rows, 1, block_threads}",
    replace: "{outputs / packed_rows, rows, 1, block_threads}",
    why: "the last outputs are not computed",
  },
  {
    file: "gpu/host/linear.cc",
    find: "blocks_for(rows, rows_each) * blocks_for",
    replace: "(rows / rows_each) * blocks_for",
    why: "the last rows are in no tile",
  },
  {
    file: "gpu/host/scratch.cc",
    find:
      "  if (device->recording && !hold_buffer(device->recording, call, device->scratch)) return " +
      "nullptr;\n",
    replace: "",
    why: "a recording loses its scratch when that grows",
  },
  {
    file: "gpu/host/scratch.cc",
    find: "  if (device->recording) {",
    replace: "  if (false) {",
    why: "scratch grows while a device records",
  },
  {
    file: "gpu/host/launch_list.cc",
    find: "{call, launch, sizes_.count(), buffers_.count()}",
    replace: "{call, launch, 0, buffers_.count()}",
    why: "every launch that is replayed has the sizes of the first",
  },
  {
    file: "gpu/host/launch_list.cc",
    find: "{call, launch, sizes_.count(), buffers_.count()}",
    replace: "{call, launch, sizes_.count(), 0}",
    why: "every launch that is replayed has the buffers of the first",
  },
  {
    file: "common/recording.cc",
    find: "if (end_recording(recording) && !recording->failed) return",
    replace: "if (end_recording(recording)) return",
    why: "a recording of which a call failed is handed out",
  },
  {
    file: "common/recording.cc",
    find: "  buffer->references.fetch_add(1);",
    replace: "",
    why: "what a recording holds is freed",
  },
  {
    file: "common/recording.cc",
    find: "device->recording = nullptr;",
    replace: "",
    why: "a device records on",
  },
];
