// Rows of x times rows of weights of f32, a warp an output. The order of a sum is the same here and
// in linear_tile.h: lane l of a warp adds up the products of elements l, l + 32, ..., and warp_sum
// adds the lanes.
#pragma once

// Writes what an output is for a row, where there are both.
template <typename Sizes>
DEVICE void write_sum(SIZES(Sizes) sizes, GLOBAL(float) out, GLOBAL(const float) bias, uint32_t row,
                      uint32_t output, float total) {
  if (row >= sizes.rows || output >= sizes.outputs) return;
  out[row * sizes.out_stride + output] = sizes.has_bias ? total + bias[output] : total;
}

KERNEL(linear_f32, LinearSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, weight), BUFFER(3, const float, bias)) {
  const uint32_t output = BLOCK_X * block_warps + THREAD / warp_size, lane = THREAD % warp_size;
  if (output >= sizes.outputs) return;  // the whole warp
  GLOBAL(const float) from = x + BLOCK_Y * sizes.x_stride;
  GLOBAL(const float) with = weight + output * sizes.weight_stride;
  float total = 0.0f;
  for (uint32_t i = lane; i < sizes.inputs; i += warp_size) {
    total = multiply_add(from[i], with[i], total);
  }
  total = warp_sum(total);
  if (lane == 0) write_sum(sizes, out, bias, BLOCK_Y, output, total);
}
