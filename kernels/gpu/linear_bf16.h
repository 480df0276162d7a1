// Rows of x times weights of bf16, by the matrix instructions of the device, for which x is rounded
// to bf16. The order of a sum is the same here and in linear_bf16_tile.h: the columns are cut into
// bf16_runs runs, in each of which matrix_products() adds up in order, and then the runs are added.
#pragma once

CONSTANT uint32_t bf16_runs = CT_BF16_RUNS;
CONSTANT uint32_t bf16_steps = 2;  // of matrix_columns, that are loaded at a time
CONSTANT uint32_t bf16_columns = bf16_steps * matrix_columns;
CONSTANT uint32_t bf16_few_tiles = CT_BF16_FEW_ROWS / matrix_rows;
CONSTANT uint32_t bf16_few_sums = bf16_few_tiles * 4 * warp_size;  // of a block
static_assert(CT_BF16_FEW_OUTPUTS == matrix_outputs, "as many as an instruction has");
static_assert(bf16_few_sums == bf16_runs * warp_size, "each thread has a sum");

DEVICE uint32_t bf16_run_columns(uint32_t inputs) {
  const uint32_t each = bf16_runs * bf16_columns;
  return (inputs + each - 1) / each * bf16_columns;
}

DEVICE uint32_t pair_of(bf16 lower, bf16 upper) {
  return uint32_t(lower) | uint32_t(upper) << 16;
}

// Eight columns of the weights of an output; zeros after the last of either.
DEVICE uint4 eight_weights(SIZES(LinearBf16Sizes) sizes, GLOBAL(const bf16) weight, uint32_t output,
                           uint32_t column) {
  if (output >= sizes.outputs || column >= sizes.inputs) return four_words(0, 0, 0, 0);
  GLOBAL(const bf16) from = weight + (output * sizes.weight_stride + column);
  const uint32_t count = sizes.inputs - column;
  if (sizes.wide_weight && count >= 8) return load_wide(from);
  bf16 eight[8];
  UNROLL
  for (uint32_t i = 0; i < 8; ++i) eight[i] = i < count ? from[i] : bf16(0);
  return four_words(pair_of(eight[0], eight[1]), pair_of(eight[2], eight[3]),
                    pair_of(eight[4], eight[5]), pair_of(eight[6], eight[7]));
}

// Bits of eight floats.
struct EightInputs {
  uint4 lower, upper;
};

// Eight columns of a row of x; zeros after the last of either.
DEVICE EightInputs eight_inputs(SIZES(LinearBf16Sizes) sizes, GLOBAL(const float) x, uint32_t row,
                                uint32_t column) {
  EightInputs inputs;
  inputs.lower = inputs.upper = four_words(0, 0, 0, 0);
  if (row >= sizes.rows || column >= sizes.inputs) return inputs;
  GLOBAL(const float) from = x + (row * sizes.x_stride + column);
  const uint32_t count = sizes.inputs - column;
  if (sizes.wide_x && count >= 8) {
    inputs.lower = load_wide(from);
    inputs.upper = load_wide(from + 4);
    return inputs;
  }
  uint32_t eight[8];
  UNROLL
  for (uint32_t i = 0; i < 8; ++i) eight[i] = i < count ? bits_of(from[i]) : 0;
  inputs.lower = four_words(eight[0], eight[1], eight[2], eight[3]);
  inputs.upper = four_words(eight[4], eight[5], eight[6], eight[7]);
  return inputs;
}

DEVICE uint32_t rounded_pair(uint32_t lower, uint32_t upper) {
  return pair_of(from_float<bf16>(float_of(lower)), from_float<bf16>(float_of(upper)));
}

DEVICE uint4 rounded(EightInputs inputs) {
  return four_words(rounded_pair(inputs.lower.x, inputs.lower.y),
                    rounded_pair(inputs.lower.z, inputs.lower.w),
                    rounded_pair(inputs.upper.x, inputs.upper.y),
                    rounded_pair(inputs.upper.z, inputs.upper.w));
}

// A block for a few rows of matrix_outputs outputs: each of bf16_runs warps has a run of the
// columns, of which each weight is read once, straight into the lane that brings it.
KERNEL(linear_bf16, LinearBf16Sizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const bf16, weight), BUFFER(3, const float, bias)) {
  SHARED(float, run_sums, bf16_runs * bf16_few_sums);
  const uint32_t lane = THREAD % warp_size, run = THREAD / warp_size;
  const uint32_t output = BLOCK_X * matrix_outputs;
  const uint32_t run_columns = bf16_run_columns(sizes.inputs);
  const uint32_t end = lesser((run + 1) * run_columns, sizes.inputs);
  MatrixSums sums[bf16_few_tiles] = {};
  for (uint32_t first = run * run_columns; first < end; first += bf16_columns) {
    uint4 upper[bf16_steps], lower[bf16_steps];
    UNROLL
    for (uint32_t step = 0; step < bf16_steps; ++step) {
      const uint32_t column = first + step * matrix_columns + lane_part(lane) * 8;
      upper[step] = eight_weights(sizes, weight, output + lane_row(lane), column);
      lower[step] = eight_weights(sizes, weight, output + lane_row(lane) + 8, column);
    }
    UNROLL
    for (uint32_t tile = 0; tile < bf16_few_tiles; ++tile) {
      if (tile * matrix_rows >= sizes.rows) continue;
      EightInputs from[bf16_steps];
      UNROLL
      for (uint32_t step = 0; step < bf16_steps; ++step) {
        from[step] = eight_inputs(sizes, x, tile * matrix_rows + lane_row(lane),
                                  first + step * matrix_columns + lane_part(lane) * 8);
      }
      UNROLL
      for (uint32_t step = 0; step < bf16_steps; ++step) {
        sums[tile] =
            matrix_products(sums[tile], upper[step], lower[step], rounded(from[step]), lane);
      }
    }
  }
  UNROLL
  for (uint32_t i = 0; i < bf16_few_tiles * 4; ++i) {
    run_sums[run * bf16_few_sums + i * warp_size + lane] = sums[i / 4].at[i % 4];
  }
  barrier();
  const uint32_t tile = run / 4, i = run % 4;  // of the sum that this thread adds up
  const uint32_t sum_output = output + tile_row(lane, i);
  const uint32_t sum_row = tile * matrix_rows + tile_column(lane, i);
  float total = 0.0f;
  for (uint32_t r = 0; r < bf16_runs; ++r) total += run_sums[r * bf16_few_sums + THREAD];
  write_sum(sizes, out, bias, sum_row, sum_output, total);
}
