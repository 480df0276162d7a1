// Sums and gates, a thread four neighbouring elements.
#pragma once
#include "wide.h"

KERNEL(add, ElementwiseSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, y)) {
  const uint32_t row = BLOCK_X, c = 4 * (BLOCK_Y * block_size + THREAD);
  Wide<float> sum = read_wide(x + row * sizes.x_stride, c, sizes.columns, sizes.wide);
  const Wide<float> other = read_wide(y + row * sizes.y_stride, c, sizes.columns, sizes.wide);
  UNROLL
  for (uint32_t i = 0; i < 4; ++i) sum.at[i] += other.at[i];
  write_wide(out + row * sizes.out_stride, c, sizes.columns, sizes.wide, sum);
}

KERNEL(silu, ElementwiseSizes, BUFFER(0, float, out), BUFFER(1, const float, x)) {
  const uint32_t row = BLOCK_X, c = 4 * (BLOCK_Y * block_size + THREAD);
  Wide<float> y = read_wide(x + row * sizes.x_stride, c, sizes.columns, sizes.wide);
  UNROLL
  for (uint32_t i = 0; i < 4; ++i) y.at[i] = silu(y.at[i]);
  write_wide(out + row * sizes.out_stride, c, sizes.columns, sizes.wide, y);
}

KERNEL(swiglu, ElementwiseSizes, BUFFER(0, float, out), BUFFER(1, const float, gate),
       BUFFER(2, const float, up)) {
  const uint32_t row = BLOCK_X, c = 4 * (BLOCK_Y * block_size + THREAD);
  const Wide<float> by = read_wide(gate + row * sizes.x_stride, c, sizes.columns, sizes.wide);
  Wide<float> y = read_wide(up + row * sizes.y_stride, c, sizes.columns, sizes.wide);
  UNROLL
  for (uint32_t i = 0; i < 4; ++i) y.at[i] = silu(by.at[i]) * y.at[i];
  write_wide(out + row * sizes.out_stride, c, sizes.columns, sizes.wide, y);
}
