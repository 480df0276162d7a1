// RMS norm, a block a row.
#pragma once

KERNEL(rms_norm, NormSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, weight)) {
  SHARED(float, parts, block_warps);
  GLOBAL(const float) from = x + BLOCK_X * sizes.x_stride;
  GLOBAL(float) to = out + BLOCK_X * sizes.out_stride;
  float squares = 0.0f;
  for (uint32_t c = THREAD; c < sizes.columns; c += block_size) {
    squares = multiply_add(from[c], from[c], squares);
  }
  const float mean = block_sum(squares, parts, THREAD) / float(sizes.columns);
  const float factor = 1.0f / sqrt(mean + sizes.epsilon);
  for (uint32_t c = THREAD; c < sizes.columns; c += block_size) {
    to[c] = weight[c] * (from[c] * factor);
  }
}
