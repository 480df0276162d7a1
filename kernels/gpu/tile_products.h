// The sums of a tile of 16 by 8 products, shared out among the lanes of a warp as the matrix
// instructions of the device have it. Integers: every device gets the same.
#pragma once

struct TileSums {
  int32_t at[4];  // sum i of a lane stands in tile_row() and tile_column()
};

DEVICE uint32_t tile_row(uint32_t lane, uint32_t i) { return lane_row(lane) + i / 2 * 8; }
DEVICE uint32_t tile_column(uint32_t lane, uint32_t i) { return lane_part(lane) * 2 + i % 2; }
