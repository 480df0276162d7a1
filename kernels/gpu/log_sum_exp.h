// The logarithm of a row's sum of exponentials, a block a row.
#pragma once

KERNEL(log_sum_exp, LogSumExpSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, scales)) {
  SHARED(float, parts, block_warps);
  GLOBAL(const float) from = x + BLOCK_X * sizes.x_stride;
  const float scale = scales[BLOCK_X];
  float most = -infinity();
  for (uint32_t c = THREAD; c < sizes.columns; c += block_size) {
    most = greater(most, scale * from[c]);
  }
  most = block_greatest(most, parts, THREAD);
  // An infinite shift would turn what is infinite into NaN.
  const float shift = fabs(most) < infinity() ? most : 0.0f;
  float total = 0.0f;
  for (uint32_t c = THREAD; c < sizes.columns; c += block_size) {
    total += exp(scale * from[c] - shift);
  }
  total = block_sum(total, parts, THREAD);
  if (THREAD == 0) out[BLOCK_X] = shift + log(total);
}
