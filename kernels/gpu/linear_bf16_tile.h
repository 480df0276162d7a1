// linear for many rows and weights of bf16: a block has a tile of rows and outputs, and brings what
// they share into shared memory, while it multiplies the columns before. The order of a sum is that
// of linear_bf16.h.
#pragma once

CONSTANT uint32_t bf16_tile = CT_BF16_TILE;  // rows and outputs of a block
CONSTANT uint32_t bf16_part = bf16_tile / 2;  // of a warp
CONSTANT uint32_t bf16_part_outputs = bf16_part / matrix_outputs;  // in tiles of MatrixSums
CONSTANT uint32_t bf16_part_rows = bf16_part / matrix_rows;
CONSTANT uint32_t bf16_tile_words = bf16_tile * bf16_columns / 8;  // [step, row, part], of eight
CONSTANT uint32_t bf16_thread_words = bf16_tile_words / block_size;
static_assert(block_warps == 4, "each warp has a quarter of the tile");

// What a thread brings of the columns that come next.
struct NextColumns {
  uint4 weights[bf16_thread_words];
  EightInputs inputs[bf16_thread_words];
};

DEVICE NextColumns next_columns(SIZES(LinearBf16Sizes) sizes, GLOBAL(const float) x,
                                GLOBAL(const bf16) weight, uint32_t row, uint32_t output,
                                uint32_t first, uint32_t thread_index) {
  NextColumns next;
  UNROLL
  for (uint32_t i = 0; i < bf16_thread_words; ++i) {
    const uint32_t word = i * block_size + thread_index;
    const uint32_t part = word % 4, r = word / 4 % bf16_tile, step = word / 4 / bf16_tile;
    const uint32_t column = first + step * matrix_columns + part * 8;
    next.weights[i] = eight_weights(sizes, weight, output + r, column);
    next.inputs[i] = eight_inputs(sizes, x, row + r, column);
  }
  return next;
}

KERNEL(linear_tile_bf16, LinearBf16Sizes, BUFFER(0, float, out), BUFFER(1, const float, x),
       BUFFER(2, const bf16, weight), BUFFER(3, const float, bias)) {
  SHARED(uint4, x_tile, bf16_tile_words);
  SHARED(uint4, weight_tile, bf16_tile_words);
  const uint32_t tiles = (sizes.rows + bf16_tile - 1) / bf16_tile;
  const uint32_t row = BLOCK_X % tiles * bf16_tile, output = BLOCK_X / tiles * bf16_tile;
  const uint32_t lane = THREAD % warp_size, warp = THREAD / warp_size;
  const uint32_t part_row = warp / 2 * bf16_part, part_output = warp % 2 * bf16_part;
  const uint32_t run_columns = bf16_run_columns(sizes.inputs);
  MatrixSums sums[bf16_part_outputs][bf16_part_rows] = {};  // of a run
  MatrixSums totals[bf16_part_outputs][bf16_part_rows] = {};
  NextColumns next = next_columns(sizes, x, weight, row, output, 0, THREAD);
  for (uint32_t first = 0; first < sizes.inputs; first += bf16_columns) {
    barrier();  // what is there may still be read
    UNROLL
    for (uint32_t i = 0; i < bf16_thread_words; ++i) {
      weight_tile[i * block_size + THREAD] = next.weights[i];
      x_tile[i * block_size + THREAD] = rounded(next.inputs[i]);
    }
    barrier();
    next = next_columns(sizes, x, weight, row, output, first + bf16_columns, THREAD);
    UNROLL
    for (uint32_t step = 0; step < bf16_steps; ++step) {
      const uint32_t own = (step * bf16_tile + lane_row(lane)) * 4 + lane_part(lane);
      uint4 upper[bf16_part_outputs], lower[bf16_part_outputs];
      UNROLL
      for (uint32_t o = 0; o < bf16_part_outputs; ++o) {
        const uint32_t at = own + (part_output + o * matrix_outputs) * 4;
        upper[o] = weight_tile[at];
        lower[o] = weight_tile[at + 8 * 4];
      }
      UNROLL
      for (uint32_t r = 0; r < bf16_part_rows; ++r) {
        const uint4 from = x_tile[own + (part_row + r * matrix_rows) * 4];
        UNROLL
        for (uint32_t o = 0; o < bf16_part_outputs; ++o) {
          sums[o][r] = matrix_products(sums[o][r], upper[o], lower[o], from, lane);
        }
      }
    }
    const uint32_t end = first + bf16_columns;
    if (end % run_columns != 0 && end < sizes.inputs) continue;
    UNROLL
    for (uint32_t o = 0; o < bf16_part_outputs; ++o) {
      UNROLL
      for (uint32_t r = 0; r < bf16_part_rows; ++r) {
        UNROLL
        for (uint32_t i = 0; i < 4; ++i) {
          totals[o][r].at[i] += sums[o][r].at[i];
          sums[o][r].at[i] = 0.0f;
        }
      }
    }
  }
  UNROLL
  for (uint32_t o = 0; o < bf16_part_outputs; ++o) {
    UNROLL
    for (uint32_t r = 0; r < bf16_part_rows; ++r) {
      UNROLL
      for (uint32_t i = 0; i < 4; ++i) {
        const uint32_t sum_row = row + part_row + r * matrix_rows + tile_column(lane, i);
        const uint32_t sum_output =
            output + part_output + o * matrix_outputs + tile_row(lane, i);
        write_sum(sizes, out, bias, sum_row, sum_output, totals[o][r].at[i]);
      }
    }
  }
}
