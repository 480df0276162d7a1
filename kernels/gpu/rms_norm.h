// RMS norm, a block a head of a row.
#pragma once

KERNEL(rms_norm, NormSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, weight)) {
  SHARED(float, parts, block_warps);
  const uint32_t row = BLOCK_X, first = BLOCK_Y * sizes.head_size;
  GLOBAL(const float) from = x + (row * sizes.x_stride + first);
  GLOBAL(float) to = out + (row * sizes.out_stride + first);
  float squares = 0.0f;
  for (uint32_t c = THREAD; c < sizes.head_size; c += block_size) {
    squares = multiply_add(from[c], from[c], squares);
  }
  const float mean = block_sum(squares, parts, THREAD) / float(sizes.head_size);
  const float factor = 1.0f / sqrt(mean + sizes.epsilon);
  for (uint32_t c = THREAD; c < sizes.head_size; c += block_size) {
    to[c] = weight[c] * (from[c] * factor);
  }
}
