// linear for many rows: a block has a tile of rows and outputs, and brings what they share into
// shared memory. Each warp adds up a part of the tile, in the order of linear.h.
#pragma once
#include "linear.h"

CONSTANT uint32_t tile_size = CT_LINEAR_TILE;
CONSTANT uint32_t tile_part = 8;  // rows and outputs of a warp
CONSTANT uint32_t tile_sums = tile_part * tile_part;
CONSTANT uint32_t tile_parts = tile_size / tile_part;  // beside each other
CONSTANT uint32_t tile_columns = block_size;  // that are in shared memory at a time
static_assert(tile_parts * tile_parts == block_warps, "each warp has a part of the tile");
static_assert(tile_columns == linear_step, "runs are whole tiles");

// Where a block's tile begins, and in it a warp's part.
struct LinearPlace {
  uint32_t row, output;
  uint32_t part_row, part_output;
};

DEVICE LinearPlace linear_place(uint32_t rows, uint32_t block, uint32_t warp) {
  const uint32_t tiles = (rows + tile_size - 1) / tile_size;
  LinearPlace place;
  place.row = block % tiles * tile_size;
  place.output = block / tiles * tile_size;
  place.part_row = warp / tile_parts * tile_part;
  place.part_output = warp % tile_parts * tile_part;
  return place;
}

// Copies tile_columns columns of tile_size rows; after the last row that one again, and zeros after
// the last column. Column c goes to place c % 4 * warp_size + c / 4, so that what neighbouring
// lanes write and read lies beside each other.
DEVICE void fill_tile(SHARED_POINTER(float) tile, GLOBAL(const float) from, uint64_t stride,
                      uint32_t first, uint32_t rows, uint32_t column, uint32_t columns,
                      uint32_t is_wide, uint32_t thread_index) {
  const uint32_t lane = thread_index % warp_size;
  UNROLL
  for (uint32_t i = 0; i < tile_size / block_warps; ++i) {
    const uint32_t r = i * block_warps + thread_index / warp_size;
    const Wide<float> four = read_wide(from + lesser(first + r, rows - 1) * stride,
                                       column + 4 * lane, columns, is_wide);
    UNROLL
    for (uint32_t c = 0; c < 4; ++c) {
      tile[r * tile_columns + c * warp_size + lane] = four.at[c];
    }
  }
}

KERNEL(linear_tile_f32, LinearSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, weight), BUFFER(3, const float, bias)) {
  SHARED(float, x_tile, tile_size * tile_columns);
  SHARED(float, weight_tile, tile_size * tile_columns);
  const uint32_t lane = THREAD % warp_size;
  const LinearPlace place = linear_place(sizes.rows, BLOCK_X, THREAD / warp_size);
  const uint32_t run = linear_run(sizes.inputs);
  LaneSums<tile_sums> sums = {};  // of a run
  float totals[2] = {};
  for (uint32_t first = 0; first < sizes.inputs; first += tile_columns) {
    fill_tile(x_tile, x, sizes.x_stride, place.row, sizes.rows, first, sizes.inputs, sizes.wide,
              THREAD);
    fill_tile(weight_tile, weight, sizes.weight_stride, place.output, sizes.outputs, first,
              sizes.inputs, sizes.wide, THREAD);
    barrier();
    for (uint32_t c = lane; c < tile_columns; c += warp_size) {
      float with[tile_part];
      UNROLL
      for (uint32_t o = 0; o < tile_part; ++o) {
        with[o] = weight_tile[(place.part_output + o) * tile_columns + c];
      }
      UNROLL
      for (uint32_t r = 0; r < tile_part; ++r) {
        const float from = x_tile[(place.part_row + r) * tile_columns + c];
        UNROLL
        for (uint32_t o = 0; o < tile_part; ++o) {
          sums.at[r * tile_part + o] = multiply_add(from, with[o], sums.at[r * tile_part + o]);
        }
      }
    }
    barrier();
    if ((first + tile_columns) % run > 0 && first + tile_columns < sizes.inputs) continue;
    sums = spread_sums<tile_sums, warp_size>(sums, lane);
    UNROLL
    for (uint32_t i = 0; i < 2; ++i) totals[i] += sums.at[i];
    UNROLL
    for (uint32_t i = 0; i < tile_sums; ++i) sums.at[i] = 0.0f;
  }
  UNROLL
  for (uint32_t i = 0; i < 2; ++i) {
    const uint32_t row = place.row + place.part_row + (2 * lane + i) / tile_part;
    const uint32_t output = place.output + place.part_output + (2 * lane + i) % tile_part;
    write_sum(sizes, out, bias, row, output, totals[i]);
  }
}
