// The logarithm of a row's sum of exponentials: a block for each part of it, which it reads once,
// and then a warp for the row joins what the parts gave.
#pragma once
#include "row_part.h"

// An infinite shift would turn what is infinite into NaN.
DEVICE float finite_shift(float most) { return fabs(most) < infinity() ? most : 0.0f; }

// marks[row, part, 2]: a part's greatest, and its sum of exponentials relative to that.
KERNEL(log_sum_exp_parts, LogSumExpSizes, BUFFER(0, float, marks), BUFFER(1, const float, x),
       BUFFER(2, const float, scales)) {
  SHARED(float, parts, block_warps);
  const uint32_t first = BLOCK_Y * row_part + 4 * THREAD;
  const float scale = scales[BLOCK_X];
  const RowPart part =
      read_row_part(x + BLOCK_X * sizes.x_stride, first, sizes.columns, sizes.wide);
  float most = -infinity();
  UNROLL
  for (uint32_t i = 0; i < 4 * row_part_words; ++i) {
    if (first + i / 4 * row_part_step + i % 4 >= sizes.columns) continue;
    most = greater(most, scale * part.at[i / 4].at[i % 4]);
  }
  most = block_greatest(most, parts, THREAD);
  const float shift = finite_shift(most);
  float total = 0.0f;
  UNROLL
  for (uint32_t i = 0; i < 4 * row_part_words; ++i) {
    if (first + i / 4 * row_part_step + i % 4 >= sizes.columns) continue;
    total += exp(scale * part.at[i / 4].at[i % 4] - shift);
  }
  total = block_sum(total, parts, THREAD);
  if (THREAD > 0) return;
  const uint64_t place = (uint64_t(BLOCK_X) * sizes.parts + BLOCK_Y) * 2;
  marks[place] = most;
  marks[place + 1] = total;
}

KERNEL(log_sum_exp, LogSumExpSizes, BUFFER(0, float, out), BUFFER(1, const float, marks)) {
  GLOBAL(const float) from = marks + uint64_t(BLOCK_X) * sizes.parts * 2;
  float most = -infinity();
  for (uint32_t part = THREAD; part < sizes.parts; part += warp_size) {
    most = greater(most, from[part * 2]);
  }
  const float shift = finite_shift(warp_greatest(most));
  float total = 0.0f;
  for (uint32_t part = THREAD; part < sizes.parts; part += warp_size) {
    const float sum = from[part * 2 + 1];
    // A part of nothing but -infinity has no sum to bring to another shift.
    if (sum != 0.0f) total += sum * exp(finite_shift(from[part * 2]) - shift);
  }
  total = warp_sum(total);
  if (THREAD == 0) out[BLOCK_X] = shift + log(total);
}
