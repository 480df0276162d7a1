// Products of bf16 by the matrix instructions of a device: 16 outputs by 8 rows of x, whose sums
// are shared out among the lanes of a warp as the instructions have it, and the products as devices
// without them compute them. The order inside of an instruction is its own, but the same for each
// of its sums, wherever that stands.
#pragma once

// Of a warp; a lane brings a quarter of them of a row, in the order in which they lie in memory.
CONSTANT uint32_t matrix_columns = 32;
CONSTANT uint32_t matrix_outputs = 16;
CONSTANT uint32_t matrix_rows = 8;

struct MatrixSums {
  float at[4];  // sum i of a lane stands in output tile_row() and row tile_column()
};

DEVICE float lower_half(uint32_t pair) { return float_of(pair << 16); }
DEVICE float upper_half(uint32_t pair) { return float_of(pair & 0xffff0000u); }

DEVICE float dot_pair(uint32_t x, uint32_t y, float sum) {
  sum = multiply_add(lower_half(x), lower_half(y), sum);
  return multiply_add(upper_half(x), upper_half(y), sum);
}

DEVICE float dot_eight(uint4 x, uint4 y, float sum) {
  sum = dot_pair(x.x, y.x, sum);
  sum = dot_pair(x.y, y.y, sum);
  sum = dot_pair(x.z, y.z, sum);
  return dot_pair(x.w, y.w, sum);
}

// As matrix_products(); `lanes` has what each lane brings.
template <typename Lanes>
DEVICE MatrixSums plain_matrix_products(MatrixSums sums, Lanes lanes, uint32_t lane) {
  const uint32_t row = lane_row(lane), column = 2 * lane_part(lane);
  for (uint32_t part = 0; part < 4; ++part) {
    const uint4 upper = lanes.upper(lane_at(row, part)), lower = lanes.lower(lane_at(row, part));
    const uint4 first = lanes.x(lane_at(column, part)), second = lanes.x(lane_at(column + 1, part));
    sums.at[0] = dot_eight(upper, first, sums.at[0]);
    sums.at[1] = dot_eight(upper, second, sums.at[1]);
    sums.at[2] = dot_eight(lower, first, sums.at[2]);
    sums.at[3] = dot_eight(lower, second, sums.at[3]);
  }
  return sums;
}
