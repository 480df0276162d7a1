// RMS norm, a block a head of a row. What fits into a block's registers is read once, and weights
// are on their way while the squares are added up.
#pragma once
#include "row_part.h"

DEVICE float add_squares(Wide<float> x, float sum) {
  UNROLL
  for (uint32_t i = 0; i < 4; ++i) sum = multiply_add(x.at[i], x.at[i], sum);
  return sum;
}

// By what a head is multiplied, of which `held` is the first part.
DEVICE float norm_factor(RowPart held, GLOBAL(const float) head, uint32_t size, float epsilon,
                         uint32_t is_wide, SHARED_POINTER(float) parts, uint32_t thread_index) {
  float squares = 0.0f;
  UNROLL
  for (uint32_t i = 0; i < row_part_words; ++i) squares = add_squares(held.at[i], squares);
  for (uint32_t c = row_part + 4 * thread_index; c < size; c += row_part_step) {
    squares = add_squares(read_wide(head, c, size, is_wide), squares);
  }
  return 1.0f / sqrt(block_sum(squares, parts, thread_index) / float(size) + epsilon);
}

DEVICE Wide<float> normed(Wide<float> x, Wide<float> weight, float factor) {
  UNROLL
  for (uint32_t i = 0; i < 4; ++i) x.at[i] = weight.at[i] * (x.at[i] * factor);
  return x;
}

KERNEL(rms_norm, NormSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, weight)) {
  SHARED(float, parts, block_warps);
  const uint32_t size = sizes.head_size, wide = sizes.wide, first = 4 * THREAD;
  GLOBAL(const float) from = x + (BLOCK_X * sizes.x_stride + BLOCK_Y * size);
  GLOBAL(float) to = out + (BLOCK_X * sizes.out_stride + BLOCK_Y * size);
  const RowPart held = read_row_part(from, first, size, wide);
  const RowPart weights = read_row_part(weight, first, size, wide);
  const float factor = norm_factor(held, from, size, sizes.epsilon, wide, parts, THREAD);
  UNROLL
  for (uint32_t i = 0; i < row_part_words; ++i) {
    write_wide(to, first + i * row_part_step, size, wide,
               normed(held.at[i], weights.at[i], factor));
  }
  for (uint32_t c = row_part + first; c < size; c += row_part_step) {
    write_wide(to, c, size, wide,
               normed(read_wide(from, c, size, wide), read_wide(weight, c, size, wide), factor));
  }
}
