// The matrices of gated_delta_chunk.h and gated_delta_pairs.h: sums of products by a warp, and what
// they are multiplied with, in the parts of split_products.h.
#pragma once

CONSTANT uint32_t delta_chunk = CT_DELTA_CHUNK;
CONSTANT uint32_t delta_tiles = delta_chunk / matrix_rows;  // of a chunk's tokens
CONSTANT uint32_t delta_tile_sums = delta_tiles * 4;  // of a lane
CONSTANT uint32_t delta_units = delta_chunk / split_columns;
CONSTANT uint32_t delta_warp_keys = CT_DELTA_WARP_KEYS;
static_assert(delta_warp_keys == delta_chunk, "as many tiles of keys as of tokens");

// Sums of 16 rows by the tokens of a chunk, or by the keys of a warp.
struct DeltaTiles {
  MatrixSums at[delta_tiles];
};

// The same, to be multiplied: lanes bring the left side of a product as they get its sums.
struct DeltaLeft {
  uint4 upper[delta_units], lower[delta_units];
};

// What a lane brings of 32 rows of the right side.
struct DeltaRight {
  uint4 at[delta_tiles][delta_units];
};

// Of a lane's two rows.
struct DeltaScales {
  SplitScale upper, lower;
};

// Every lane of a row gets the greatest.
DEVICE float row_greatest(float x) {
  x = greater(x, shuffle_xor(x, lane_at(0, 1)));
  return greater(x, shuffle_xor(x, lane_at(0, 2)));
}

DEVICE DeltaScales delta_scales(DeltaTiles tiles) {
  float upper = 0.0f, lower = 0.0f;
  UNROLL
  for (uint32_t n = 0; n < delta_tiles; ++n) {
    const MatrixSums x = tiles.at[n];
    upper = greater(upper, greater(fabs(x.at[0]), fabs(x.at[1])));
    lower = greater(lower, greater(fabs(x.at[2]), fabs(x.at[3])));
  }
  DeltaScales scales;
  scales.upper = split_scale(row_greatest(upper));
  scales.lower = split_scale(row_greatest(lower));
  return scales;
}

DEVICE DeltaTiles delta_scaled(DeltaTiles tiles, float upper, float lower) {
  UNROLL
  for (uint32_t n = 0; n < delta_tiles; ++n) {
    UNROLL
    for (uint32_t i = 0; i < 4; ++i) tiles.at[n].at[i] *= i < 2 ? upper : lower;
  }
  return tiles;
}

DEVICE DeltaTiles scaled_up(DeltaTiles tiles, DeltaScales scales) {
  return delta_scaled(tiles, scales.upper.up, scales.lower.up);
}
DEVICE DeltaTiles scaled_down(DeltaTiles tiles, DeltaScales scales) {
  return delta_scaled(tiles, scales.upper.down, scales.lower.down);
}

DEVICE DeltaLeft delta_left(DeltaTiles tiles) {
  DeltaLeft left;
  UNROLL
  for (uint32_t unit = 0; unit < delta_units; ++unit) {
    const MatrixSums x = tiles.at[2 * unit], y = tiles.at[2 * unit + 1];
    left.upper[unit] = split_four(x.at[0], x.at[1], y.at[0], y.at[1]);
    left.lower[unit] = split_four(x.at[2], x.at[3], y.at[2], y.at[3]);
  }
  return left;
}

// Where a lane finds its part of a row of a matrix that has `rows` of them.
DEVICE uint32_t split_place(uint32_t unit, uint32_t rows, uint32_t row, uint32_t part) {
  return (unit * rows + row) * 4 + part;
}

// Of a triangle, what is not above the diagonal.
DEVICE bool delta_has(bool is_triangle, uint32_t tile, uint32_t unit) {
  return !is_triangle || unit * split_columns <= tile * matrix_rows;
}

// Rows from `first` on, of `rows`.
DEVICE DeltaRight delta_right(GLOBAL(const uint4) from, uint32_t rows, uint32_t first,
                              bool is_triangle, uint32_t lane) {
  DeltaRight right;
  UNROLL
  for (uint32_t n = 0; n < delta_tiles; ++n) {
    UNROLL
    for (uint32_t unit = 0; unit < delta_units; ++unit) {
      if (!delta_has(is_triangle, n, unit)) continue;
      const uint32_t row = first + n * matrix_rows + lane_row(lane);
      right.at[n][unit] = from[split_place(unit, rows, row, lane_part(lane))];
    }
  }
  return right;
}

DEVICE DeltaTiles delta_multiply(DeltaLeft left, DeltaRight right, bool is_triangle,
                                 uint32_t lane) {
  DeltaTiles sums = {};
  UNROLL
  for (uint32_t unit = 0; unit < delta_units; ++unit) {
    UNROLL
    for (uint32_t n = 0; n < delta_tiles; ++n) {
      if (!delta_has(is_triangle, n, unit)) continue;
      sums.at[n] = split_products(sums.at[n], left.upper[unit], left.lower[unit],
                                  right.at[n][unit], lane);
    }
  }
  return sums;
}
