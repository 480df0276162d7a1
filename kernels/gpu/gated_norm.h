// RMS norm of a head, then its gate: a block a head of a row.
#pragma once
#include "rms_norm.h"

DEVICE Wide<float> gated(Wide<float> x, Wide<float> gate) {
  UNROLL
  for (uint32_t i = 0; i < 4; ++i) x.at[i] *= silu(gate.at[i]);
  return x;
}

KERNEL(gated_norm, GatedNormSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, gate), BUFFER(3, const float, weight)) {
  SHARED(float, parts, block_warps);
  const uint32_t size = sizes.head_size, wide = sizes.wide, first = 4 * THREAD;
  GLOBAL(const float) from = x + (BLOCK_X * sizes.x_stride + BLOCK_Y * size);
  GLOBAL(const float) gates = gate + (BLOCK_X * sizes.gate_stride + BLOCK_Y * size);
  GLOBAL(float) to = out + (BLOCK_X * sizes.out_stride + BLOCK_Y * size);
  const RowPart held = read_row_part(from, first, size, wide);
  const RowPart weights = read_row_part(weight, first, size, wide);
  const RowPart held_gates = read_row_part(gates, first, size, wide);
  const float factor = norm_factor(held, from, size, sizes.epsilon, wide, parts, THREAD);
  UNROLL
  for (uint32_t i = 0; i < row_part_words; ++i) {
    const uint32_t c = first + i * row_part_step;
    if (c >= size) continue;
    const Wide<float> y = normed(held.at[i], weights.at[i], factor);
    write_wide(to, c, size, wide, gated(y, held_gates.at[i]));
  }
  for (uint32_t c = row_part + first; c < size; c += row_part_step) {
    const Wide<float> y =
        normed(read_wide(from, c, size, wide), read_wide(weight, c, size, wide), factor);
    write_wide(to, c, size, wide, gated(y, read_wide(gates, c, size, wide)));
  }
}
