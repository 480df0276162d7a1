// Rows of x times rows of weights, a warp an output. The order of a sum is the same here and in
// linear_tile.h: lane l of a warp adds up the products of elements l, l + 32, ..., and warp_sum
// adds the lanes.
#pragma once

template <typename T>
DEVICE void linear_output(SIZES(LinearSizes) sizes, GLOBAL(float) out, GLOBAL(const float) x,
                          GLOBAL(const T) weight, GLOBAL(const float) bias, uint32_t row,
                          uint32_t output, uint32_t lane) {
  if (output >= sizes.outputs) return;  // the whole warp
  GLOBAL(const float) from = x + row * sizes.x_stride;
  GLOBAL(const T) with = weight + output * sizes.weight_stride;
  float total = 0.0f;
  for (uint32_t i = lane; i < sizes.inputs; i += warp_size) {
    total = multiply_add(from[i], to_float(with[i]), total);
  }
  total = warp_sum(total);
  if (lane > 0) return;
  if (sizes.has_bias) total += bias[output];
  out[row * sizes.out_stride + output] = total;
}

KERNEL(linear_f32, LinearSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, weight), BUFFER(3, const float, bias)) {
  linear_output<float>(sizes, out, x, weight, bias, BLOCK_Y,
                       BLOCK_X * block_warps + THREAD / warp_size, THREAD % warp_size);
}
