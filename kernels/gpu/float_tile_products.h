// tile_products() by matrices of 8 by 8 floats, for devices whose matrix instructions take no
// integers. A float holds the products of bytes and what 32 of them add up to, so the sums are
// exact, whatever their order. The device has Matrix, of which a lane has two elements beside each
// other: those of lane_row() and 2 * lane_part().
#pragma once

DEVICE float signed_byte(uint32_t word, uint32_t i) { return float(int8_t(word >> i * 8)); }

// The columns of a tile are taken eight at a time: of the eight that each part has in memory, two.
DEVICE TileSums tile_products(TileSums sums, SHARED_POINTER(uint32_t) x, SHARED_POINTER(uint32_t) y,
                              uint32_t stride, uint32_t lane) {
  const uint32_t row = lane_row(lane), part = lane_part(lane);
  Matrix above = matrix_of(0.0f, 0.0f), below = matrix_of(0.0f, 0.0f);
  UNROLL
  for (uint32_t step = 0; step < 4; ++step) {
    const uint32_t word = step / 2, byte = step % 2 * 2;
    const uint32_t upper = x[row * stride + part * 2 + word];
    const uint32_t lower = x[(row + 8) * stride + part * 2 + word];
    // Across, rows of y are columns, and a lane's row is a column of memory.
    const uint32_t first = y[part * 2 * stride + row / 2 * 2 + word];
    const uint32_t second = y[(part * 2 + 1) * stride + row / 2 * 2 + word];
    const Matrix across =
        matrix_of(signed_byte(first, byte + row % 2), signed_byte(second, byte + row % 2));
    const Matrix over = matrix_of(signed_byte(upper, byte), signed_byte(upper, byte + 1));
    const Matrix under = matrix_of(signed_byte(lower, byte), signed_byte(lower, byte + 1));
    above = multiply_matrices(over, across, above, lane);
    below = multiply_matrices(under, across, below, lane);
  }
  UNROLL
  for (uint32_t i = 0; i < 2; ++i) {
    sums.at[i] += int32_t(element_of(above, i));
    sums.at[2 + i] += int32_t(element_of(below, i));
  }
  return sums;
}
