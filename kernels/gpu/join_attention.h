// Joins the spans of attention.h in an order that spans without weight do not change.
#pragma once
#include "sizes.h"

// A block for warp_size columns of a query head of a row: a lane has a column, and a warp each
// fourth span.
KERNEL(join_attention, JoinAttentionSizes, BUFFER(0, float, out), BUFFER(1, const float, totals),
       BUFFER(2, const float, marks)) {
  SHARED(float, parts, block_size);
  SHARED(float, factors, block_size);
  const uint32_t warp = THREAD / warp_size, lane = THREAD % warp_size;
  const uint32_t column = BLOCK_Z * warp_size + lane;
  const uint64_t first = (uint64_t(BLOCK_X) * sizes.heads + BLOCK_Y) * sizes.spans;
  float greatest = -infinity(), sum = 0.0f, total = 0.0f;
  for (uint32_t i = THREAD; i < sizes.spans; i += block_size) {
    greatest = greater(greatest, marks[(first + i) * 2]);
  }
  greatest = block_greatest(greatest, parts, THREAD);
  for (uint32_t from = 0; from < sizes.spans; from += block_size) {
    const uint32_t count = lesser(block_size, sizes.spans - from);
    barrier();  // the factors before may still be read
    if (THREAD < count) {
      const uint64_t own = (first + from + THREAD) * 2;
      factors[THREAD] = exp(marks[own] - greatest);
      sum += marks[own + 1] * factors[THREAD];
    }
    barrier();
    for (uint32_t i = warp; i < count && column < sizes.head_size; i += block_warps) {
      // A span without weight has no totals.
      const bool weighs = factors[i] > 0.0f;
      const float own = weighs ? totals[(first + from + i) * sizes.head_size + column] : 0.0f;
      total = multiply_add(own, factors[i], total);
    }
  }
  sum = block_sum(sum, parts, THREAD);
  barrier();
  parts[THREAD] = total;
  barrier();
  if (warp > 0 || column >= sizes.head_size) return;
  total = 0.0f;
  for (uint32_t i = 0; i < block_warps; ++i) total += parts[i * warp_size + lane];
  const uint64_t row = sizes.first_row + BLOCK_X;
  out[row * sizes.out_stride + uint64_t(BLOCK_Y) * sizes.head_size + column] = total / sum;
}
