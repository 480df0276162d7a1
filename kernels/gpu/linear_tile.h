// linear for many rows: a block has a tile of rows and outputs, and brings what they share into
// shared memory. Each warp adds up a part of the tile, in the order of linear.h.
#pragma once

CONSTANT uint32_t tile_size = CT_LINEAR_TILE;
CONSTANT uint32_t tile_part = 8;  // rows and outputs of a warp
CONSTANT uint32_t tile_sums = tile_part * tile_part;
CONSTANT uint32_t tile_parts = tile_size / tile_part;  // beside each other
CONSTANT uint32_t tile_columns = block_size;  // that are in shared memory at a time
static_assert(tile_parts * tile_parts == block_warps, "each warp has a part of the tile");

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

// Copies a column of tile_size rows from `first` on; after the last row that one again.
DEVICE void fill_tile(SHARED_POINTER(float) tile, GLOBAL(const float) from, uint64_t stride,
                      uint32_t first, uint32_t rows, uint32_t column) {
  UNROLL
  for (uint32_t r = 0; r < tile_size; ++r) {
    tile[r * tile_columns + column % tile_columns] =
        from[lesser(first + r, rows - 1) * stride + column];
  }
}

KERNEL(linear_tile_f32, LinearSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, weight), BUFFER(3, const float, bias)) {
  SHARED(float, x_tile, tile_size * tile_columns);
  SHARED(float, weight_tile, tile_size * tile_columns);
  const uint32_t lane = THREAD % warp_size;
  const LinearPlace place = linear_place(sizes.rows, BLOCK_X, THREAD / warp_size);
  LaneSums<tile_sums> sums = {};
  for (uint32_t first = 0; first < sizes.inputs; first += tile_columns) {
    const uint32_t columns = lesser(tile_columns, sizes.inputs - first);
    if (THREAD < columns) {
      const uint32_t column = first + THREAD;
      fill_tile(x_tile, x, sizes.x_stride, place.row, sizes.rows, column);
      fill_tile(weight_tile, weight, sizes.weight_stride, place.output, sizes.outputs, column);
    }
    barrier();
    for (uint32_t c = lane; c < columns; c += warp_size) {
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
  }
  sums = spread_sums<tile_sums, warp_size>(sums, lane);  // two are left
  UNROLL
  for (uint32_t i = 0; i < 2; ++i) {
    const uint32_t row = place.row + place.part_row + (2 * lane + i) / tile_part;
    const uint32_t output = place.output + place.part_output + (2 * lane + i) % tile_part;
    write_sum(sizes, out, bias, row, output, sums.at[i]);
  }
}
