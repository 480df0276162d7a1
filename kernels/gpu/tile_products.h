// The sums of a tile of 16 by 8 products, shared out among the lanes of a warp as the matrix
// instructions of the device have it, and the products of integers as devices without such
// instructions compute them. Integers: every device gets the same.
#pragma once

struct TileSums {
  int32_t at[4];  // sum i of a lane stands in tile_row() and tile_column()
};

DEVICE uint32_t tile_row(uint32_t lane, uint32_t i) { return lane_row(lane) + i / 2 * 8; }
DEVICE uint32_t tile_column(uint32_t lane, uint32_t i) { return lane_part(lane) * 2 + i % 2; }

// Adds the products of 32 signed bytes of each of 16 rows of x with those of 8 rows of y. A row is
// 8 words; from one to the next are `stride`.
DEVICE TileSums plain_tile_products(TileSums sums, SHARED_POINTER(uint32_t) x,
                                    SHARED_POINTER(uint32_t) y, uint32_t stride, uint32_t lane) {
  const uint32_t row = lane_row(lane) * stride, column = lane_part(lane) * 2 * stride;
  for (uint32_t word = 0; word < 8; ++word) {
    const uint32_t first = y[column + word], second = y[column + stride + word];
    const uint32_t upper = x[row + word], lower = x[row + 8 * stride + word];
    sums.at[0] = dot_bytes(upper, first, sums.at[0]);
    sums.at[1] = dot_bytes(upper, second, sums.at[1]);
    sums.at[2] = dot_bytes(lower, first, sums.at[2]);
    sums.at[3] = dot_bytes(lower, second, sums.at[3]);
  }
  return sums;
}
