// linear for many rows and packed weights: as linear_tile.h, but by the matrix instructions of the
// device, where it has some for integers. The sums of a group are exact, and the order of groups is
// that of linear_packed.h.
#pragma once

CONSTANT uint32_t packed_tile_rows = CT_PACKED_TILE_ROWS;
CONSTANT uint32_t packed_tile_outputs = CT_PACKED_TILE_OUTPUTS;
CONSTANT uint32_t packed_tile_columns = 64;  // that are in shared memory at a time
CONSTANT uint32_t packed_step = 32;  // columns that are multiplied at a time; divides a group
CONSTANT uint32_t packed_steps = packed_tile_columns / packed_step;
CONSTANT uint32_t packed_tile_words = packed_tile_columns / 4;
CONSTANT uint32_t packed_tile_stride = packed_tile_words + 4;  // 8 rows lie in different banks
// Of a warp: all rows of the tile, and so many outputs.
CONSTANT uint32_t packed_part = packed_tile_outputs / block_warps;
CONSTANT uint32_t packed_part_rows = packed_tile_rows / 16;  // in tiles of TileSums
CONSTANT uint32_t packed_part_outputs = packed_part / 8;

struct PackedTile {
  SHARED_POINTER(uint32_t) x;  // codes, [packed_tile_rows, packed_tile_stride]
  SHARED_POINTER(uint32_t) weight;  // [packed_tile_outputs, packed_tile_stride]
  SHARED_POINTER(float) x_scales;  // [packed_steps, packed_tile_rows]
  SHARED_POINTER(float) weight_scales;  // [packed_steps, packed_tile_outputs]
  uint32_t row, output;  // where it begins
};

// Brings the columns from `first` on into shared memory; after the last row that one again.
DEVICE void fill_packed_tile(PackedTile tile, SIZES(LinearPackedSizes) sizes,
                             GLOBAL(const uint32_t) codes, GLOBAL(const float) scales,
                             GLOBAL(const uint32_t) weight, uint32_t first,
                             uint32_t thread_index) {
  const uint32_t group = sizes.packed.group, groups = sizes.inputs / group;
  const uint32_t columns = lesser(packed_tile_columns, sizes.inputs - first);
  for (uint32_t i = thread_index; i < packed_tile_rows * packed_tile_words; i += block_size) {
    const uint32_t r = i / packed_tile_words, word = i % packed_tile_words;
    const uint64_t row = lesser(tile.row + r, sizes.rows - 1);
    if (4 * word >= columns) continue;
    tile.x[r * packed_tile_stride + word] = codes[(row * sizes.inputs + first) / 4 + word];
  }
  for (uint32_t i = thread_index; i < packed_tile_outputs * packed_tile_words; i += block_size) {
    const uint32_t r = i % packed_tile_outputs, word = i / packed_tile_outputs;
    const uint32_t output = lesser(tile.output + r, sizes.outputs - 1);
    if (4 * word >= columns) continue;
    tile.weight[r * packed_tile_stride + word] =
        four_packed_codes(weight, sizes.packed, output, first + 4 * word);
  }
  for (uint32_t i = thread_index; i < packed_steps * packed_tile_rows; i += block_size) {
    const uint64_t row = lesser(tile.row + i % packed_tile_rows, sizes.rows - 1);
    const uint32_t column = i / packed_tile_rows * packed_step;
    if (column >= columns) continue;
    tile.x_scales[i] = scales[row * groups + (first + column) / group];
  }
  for (uint32_t i = thread_index; i < packed_steps * packed_tile_outputs; i += block_size) {
    const uint32_t output = lesser(tile.output + i % packed_tile_outputs, sizes.outputs - 1);
    const uint32_t column = i / packed_tile_outputs * packed_step;
    if (column >= columns) continue;
    tile.weight_scales[i] = packed_scale(weight, sizes.packed, output, (first + column) / group);
  }
}

KERNEL(linear_packed_tile, LinearPackedSizes, BUFFER(0, float, out),
       BUFFER(1, const uint32_t, codes), BUFFER(2, const float, scales),
       BUFFER(3, const uint32_t, weight), BUFFER(4, const float, bias)) {
  SHARED(uint32_t, x_codes, packed_tile_rows * packed_tile_stride);
  SHARED(uint32_t, weight_codes, packed_tile_outputs * packed_tile_stride);
  SHARED(float, x_scales, packed_steps * packed_tile_rows);
  SHARED(float, weight_scales, packed_steps * packed_tile_outputs);
  const uint32_t tiles = (sizes.rows + packed_tile_rows - 1) / packed_tile_rows;
  const PackedTile tile = {x_codes, weight_codes, x_scales, weight_scales,
                           BLOCK_X % tiles * packed_tile_rows,
                           BLOCK_X / tiles * packed_tile_outputs};
  const uint32_t lane = THREAD % warp_size, part = THREAD / warp_size * packed_part;
  const uint32_t group = sizes.packed.group, run_groups = packed_run_groups(sizes);
  TileSums sums[packed_part_rows][packed_part_outputs] = {};  // of a group
  float runs[packed_part_rows][packed_part_outputs][4] = {};  // of a run of groups
  float totals[packed_part_rows][packed_part_outputs][4] = {};
  for (uint32_t first = 0; first < sizes.inputs; first += packed_step) {
    const uint32_t step = first / packed_step % packed_steps;
    if (step == 0) {
      barrier();  // what is there may still be read
      fill_packed_tile(tile, sizes, codes, scales, weight, first, THREAD);
      barrier();
    }
    const uint32_t end = first + packed_step;
    const bool ends_group = end % group == 0;
    const bool ends_run = ends_group && end / group % run_groups == 0;
    UNROLL
    for (uint32_t r = 0; r < packed_part_rows; ++r) {
      UNROLL
      for (uint32_t o = 0; o < packed_part_outputs; ++o) {
        const uint32_t row = r * 16, output = part + o * 8;
        sums[r][o] = tile_products(sums[r][o], x_codes + (row * packed_tile_stride + step * 8),
                                   weight_codes + (output * packed_tile_stride + step * 8),
                                   packed_tile_stride, lane);
        if (!ends_group) continue;
        UNROLL
        for (uint32_t i = 0; i < 4; ++i) {
          const float scale =
              weight_scales[step * packed_tile_outputs + output + tile_column(lane, i)] *
              x_scales[step * packed_tile_rows + row + tile_row(lane, i)];
          runs[r][o][i] += float(sums[r][o].at[i]) * scale;
          sums[r][o].at[i] = 0;
          if (!ends_run) continue;
          totals[r][o][i] += runs[r][o][i];
          runs[r][o][i] = 0.0f;
        }
      }
    }
  }
  UNROLL
  for (uint32_t r = 0; r < packed_part_rows; ++r) {
    UNROLL
    for (uint32_t o = 0; o < packed_part_outputs; ++o) {
      UNROLL
      for (uint32_t i = 0; i < 4; ++i) {
        const uint32_t row = tile.row + r * 16 + tile_row(lane, i);
        const uint32_t output = tile.output + part + o * 8 + tile_column(lane, i);
        write_sum(sizes, out, bias, row, output, totals[r][o][i] + runs[r][o][i]);
      }
    }
  }
}
