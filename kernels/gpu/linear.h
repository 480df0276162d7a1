// Rows of x times rows of weights of f32, a block an output of a few rows. The order of a sum is
// the same here and in linear_tile.h: the columns are cut into a run for each warp of a block; in a
// run lane l adds up the products of columns 4l to 4l + 3 of every linear_step columns, warp_sum
// adds the lanes, and then the runs are added.
#pragma once
#include "wide.h"

CONSTANT uint32_t few_rows = CT_LINEAR_FEW_ROWS;
CONSTANT uint32_t linear_step = 4 * warp_size;  // columns of a warp at a time
CONSTANT uint32_t linear_steps = 4;  // that are loaded at a time

// Columns of a run: whole steps.
DEVICE uint32_t linear_run(uint32_t inputs) {
  const uint32_t each = block_warps * linear_step;
  return (inputs + each - 1) / each * linear_step;
}

// Writes what an output is for a row, where there are both.
template <typename Sizes>
DEVICE void write_sum(SIZES(Sizes) sizes, GLOBAL(float) out, GLOBAL(const float) bias, uint32_t row,
                      uint32_t output, float total) {
  if (row >= sizes.rows || output >= sizes.outputs) return;
  out[row * sizes.out_stride + output] = sizes.has_bias ? total + bias[output] : total;
}

// What a lane loads of a run at once.
using LinearWides = Wides<linear_steps>;

KERNEL(linear_f32, LinearSizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const float, weight), BUFFER(3, const float, bias)) {
  SHARED(float, totals, block_warps * few_rows);
  const uint32_t output = BLOCK_X, first_row = BLOCK_Y * few_rows;
  const uint32_t rows = lesser(few_rows, sizes.rows - first_row);
  const uint32_t run = THREAD / warp_size, lane = THREAD % warp_size;
  const uint32_t begin = run * linear_run(sizes.inputs);
  const uint32_t end = lesser(begin + linear_run(sizes.inputs), sizes.inputs);
  GLOBAL(const float) from = x + first_row * sizes.x_stride;
  GLOBAL(const float) weights = weight + output * sizes.weight_stride;
  LaneSums<few_rows> sums = {};
  for (uint32_t first = begin; first < end; first += linear_steps * linear_step) {
    const uint32_t column = first + 4 * lane;
    const LinearWides with =
        read_wides<linear_steps, linear_step>(weights, column, end, sizes.wide);
    UNROLL
    for (uint32_t r = 0; r < few_rows; ++r) {
      if (r >= rows) continue;
      const LinearWides own = read_wides<linear_steps, linear_step>(
          from + r * sizes.x_stride, column, end, sizes.wide);
      UNROLL
      for (uint32_t i = 0; i < 4 * linear_steps; ++i) {
        sums.at[r] = multiply_add(own.at[i / 4].at[i % 4], with.at[i / 4].at[i % 4], sums.at[r]);
      }
    }
  }
  UNROLL
  for (uint32_t r = 0; r < few_rows; ++r) {
    const float total = warp_sum(sums.at[r]);
    if (lane == 0) totals[r * block_warps + run] = total;
  }
  barrier();
  if (THREAD >= rows) return;
  float total = 0.0f;
  for (uint32_t i = 0; i < block_warps; ++i) total += totals[THREAD * block_warps + i];
  write_sum(sizes, out, bias, first_row + THREAD, output, total);
}
