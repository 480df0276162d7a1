// Small matrix products in registers: a few rows by one panel of two vectors.
#pragma once
#include "gated_delta_inputs.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Most rows of a tile; with two vectors each they fill sixteen registers.
constexpr uint32_t delta_tile_rows = 6;

template <uint32_t rows>
struct DeltaTile {
  Vector at[rows][2];
};

// The left factor: element (r, d) is data[r * row_step + d * depth_step].
struct DeltaFactor {
  const float* data;
  uint64_t row_step, depth_step;
};

// tile += a . b, `depth` terms each, in rising order whatever the number of rows.
template <uint32_t rows>
CT_ALWAYS_INLINE void add_product(DeltaTile<rows>& tile, const DeltaFactor& a, const float* b,
                                  uint64_t b_stride, uint32_t depth) {
  const float* left = a.data;
  const uint64_t row_step = a.row_step;
  DeltaTile<rows> total = tile;
  for (uint32_t d = 0; d < depth; ++d, left += a.depth_step, b += b_stride) {
    const Vector low = load(b), high = load(b + lanes);
    for (uint32_t r = 0; r < rows; ++r) {
      const Vector x = splat(left[r * row_step]);
      total.at[r][0] = multiply_add(x, low, total.at[r][0]);
      total.at[r][1] = multiply_add(x, high, total.at[r][1]);
    }
  }
  tile = total;
}

// tile row r += sum over j < r + inclusive of a[r, j] b_j, where b has a tile's rows itself.
template <uint32_t rows>
CT_ALWAYS_INLINE void add_triangle(DeltaTile<rows>& tile, const float* a, uint64_t a_stride,
                                   const DeltaTile<rows>& b, uint32_t inclusive) {
  for (uint32_t r = 0; r < rows; ++r) {
    for (uint32_t j = 0; j < r + inclusive; ++j) {
      const Vector x = splat(a[r * a_stride + j]);
      tile.at[r][0] = multiply_add(x, b.at[j][0], tile.at[r][0]);
      tile.at[r][1] = multiply_add(x, b.at[j][1], tile.at[r][1]);
    }
  }
}

// The first n columns of a panel; the others read as zero and are not written.
inline void load_panel(Vector (&to)[2], const float* p, uint32_t n) {
  to[0] = load_up_to(p, n);
  to[1] = n > lanes ? load_up_to(p + lanes, n - lanes) : Vector{};
}

inline void store_panel(float* p, const Vector (&from)[2], uint32_t n) {
  store_up_to(p, from[0], n);
  if (n > lanes) store_up_to(p + lanes, from[1], n - lanes);
}

template <uint32_t count>
struct DeltaRows {
  static constexpr uint32_t value = count;
};

template <uint32_t rows, typename Body>
inline void run_tile(uint32_t first, uint32_t count, const Body& body) {
  if constexpr (rows > 0) {
    if (count >= rows) {
      body(DeltaRows<rows>{}, first);
    } else {
      run_tile<rows - 1>(first, count, body);
    }
  }
}

// body(DeltaRows<rows>{}, first row) for tiles that cover `count` rows.
template <typename Body>
inline void for_tiles(uint32_t count, const Body& body) {
  for (uint32_t first = 0; first < count; first += delta_tile_rows) {
    run_tile<delta_tile_rows>(first, count - first, body);
  }
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
