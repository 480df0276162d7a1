#include "kernel_table.h"
#include "like_parts.h"
#include "linear_packed.h"
#include "linear_tile.h"
#include "parts.h"
#include "simd.h"
#include "split.h"

namespace ct {
namespace CT_TARGET {

// Multiplications that are worth a task of their own.
constexpr uint64_t linear_grain = 65536;
// Up to so many rows it costs less to widen weights again than to lay them out.
constexpr uint32_t most_direct_rows = 32;
// The block of x that a task works on, block_rows by block_depth, and its partial sums stay in the
// second-level cache; a panel of weights, tile_outputs by block_depth, in the first.
constexpr uint32_t block_rows = 96, block_depth = 512, block_outputs = 32;

inline float with_bias(float sum, const float* bias, uint64_t output) {
  return bias ? sum + bias[output] : sum;
}

template <typename W, uint32_t outputs, uint32_t rows>
void direct_outputs(const LinearArgs& args, uint32_t output, uint32_t row) {
  Vector sums[outputs][rows];
  direct_tile<W>(sums, args.weight.row<const W>(output), args.weight.stride, args.x.row(row),
                 args.x.stride, args.x.columns);
  for (uint32_t r = 0; r < rows; ++r) {
    float* out = args.out.row(row + r) + output;
    for (uint32_t o = 0; o < outputs; ++o) {
      out[o] = with_bias(sum(sums[o][r]), args.bias, output + o);
    }
  }
}

// Some outputs of every row. Each tile after the first finds the weights in the nearest cache.
template <typename W, uint32_t outputs>
void direct_rows(const LinearArgs& args, uint32_t output) {
  uint32_t left = args.x.rows;
  while (left) {
    const uint32_t row = args.x.rows - left;
    if (left == 3 || left > 4) {
      direct_outputs<W, outputs, 3>(args, output, row);
      left -= 3;
    } else if (left == 1) {
      direct_outputs<W, outputs, 1>(args, output, row);
      left -= 1;
    } else {
      direct_outputs<W, outputs, 2>(args, output, row);
      left -= 2;
    }
  }
}

template <typename W>
void direct_range(const LinearArgs& args, uint32_t begin, uint32_t end) {
  uint32_t output = begin;
  if (args.x.rows == 1) {
    for (; end - output >= single_outputs; output += single_outputs) {
      direct_outputs<W, single_outputs, 1>(args, output, 0);
    }
  }
  for (; end - output >= tile_outputs; output += tile_outputs) {
    direct_rows<W, tile_outputs>(args, output);
  }
  for (; output < end; ++output) direct_rows<W, 1>(args, output);
}

template <typename W>
void linear_few(ThreadPool& pool, const LinearArgs& args) {
  const uint64_t work = uint64_t{args.x.rows} * args.x.columns;
  const uint64_t outputs = args.weight.rows;
  const uint64_t share = work ? divide_up(linear_grain, work) : outputs;
  const uint64_t fewest = share < outputs ? share : outputs;
  const uint64_t group = divide_up(fewest, single_outputs) * single_outputs;
  pool.run(uint32_t(divide_up(outputs, group)), [&](uint32_t task, uint32_t) {
    const uint64_t begin = task * group;
    const uint64_t end = outputs - begin < group ? outputs : begin + group;
    direct_range<W>(args, uint32_t(begin), uint32_t(end));
  });
}

// What one task computes: outputs first_output ... of rows first_row ...
struct LinearBlock {
  uint32_t first_output, outputs;
  uint32_t first_row, rows;
};

// Scratch of a thread: the partial sums [block_outputs / tile_outputs][rows][tile_outputs] of
// vectors, then one panel.
constexpr uint64_t partial_floats = uint64_t{block_outputs} * block_rows * lanes;
constexpr uint64_t panel_floats = uint64_t{tile_outputs} * (block_depth + lanes);

template <typename W>
void accumulate_block(float* partial, float* panel, const LinearArgs& args,
                      const LinearBlock& block, uint32_t k) {
  const uint32_t left = args.x.columns - k, depth = left < block_depth ? left : block_depth;
  for (uint32_t o = 0; o < block.outputs; o += tile_outputs) {
    const uint32_t outputs = smaller(tile_outputs, block.outputs - o);
    pack_panel(panel, args.weight.row<const W>(block.first_output + o) + k, args.weight.stride,
               outputs, depth);
    for (uint32_t r = 0; r < block.rows; r += tile_rows) {
      float* sums = partial + (uint64_t{o} * block.rows + uint64_t{r} * tile_outputs) * lanes;
      with_count<tile_rows>(smaller(tile_rows, block.rows - r), [&](auto rows) {
        panel_tile<rows.value>(sums, panel, args.x.row(block.first_row + r) + k, args.x.stride,
                               depth);
      });
    }
  }
}

inline void finish_block(const float* partial, const LinearArgs& args, const LinearBlock& block) {
  for (uint32_t r = 0; r < block.rows; ++r) {
    float* out = args.out.row(block.first_row + r) + block.first_output;
    for (uint32_t o = 0; o < block.outputs; ++o) {
      const uint32_t within = o % tile_outputs;
      const uint64_t place =
          uint64_t{o - within} * block.rows + uint64_t{r} * tile_outputs + within;
      out[o] = with_bias(sum(load(partial + place * lanes)), args.bias, block.first_output + o);
    }
  }
}

template <typename W>
bool linear_many(ThreadPool& pool, const LinearArgs& args) {
  if (!pool.reserve((partial_floats + panel_floats) * sizeof(float))) return false;
  const uint32_t rows = args.x.rows, outputs = args.weight.rows;
  const uint64_t row_blocks = divide_up(rows, block_rows);
  const uint64_t even_rows = divide_up(divide_up(rows, row_blocks), tile_rows) * tile_rows;
  uint64_t group = block_outputs;
  // Narrow blocks when wide ones are too few to keep the threads evenly busy.
  while (group > tile_outputs && divide_up(outputs, group) * row_blocks < 8 * pool.threads() &&
         group / 2 * even_rows * args.x.columns >= linear_grain) {
    group /= 2;
  }
  pool.run(uint32_t(divide_up(outputs, group) * row_blocks), [&](uint32_t task, uint32_t thread) {
    const uint32_t output = uint32_t(task / row_blocks * group);
    const uint32_t row = uint32_t(task % row_blocks * even_rows);
    if (row >= rows) return;
    const LinearBlock block = {output, smaller(uint32_t(group), outputs - output), row,
                               smaller(uint32_t(even_rows), rows - row)};
    float* partial = static_cast<float*>(pool.scratch(thread));
    const uint64_t panels = divide_up(block.outputs, tile_outputs);
    memset(partial, 0, panels * tile_outputs * block.rows * lanes * sizeof(float));
    for (uint32_t k = 0; k < args.x.columns; k += block_depth) {
      accumulate_block<W>(partial, partial + partial_floats, args, block, k);
    }
    finish_block(partial, args, block);
  });
  return true;
}

template <typename W>
bool linear_of(ThreadPool& pool, const LinearArgs& args) {
  if (args.x.rows > most_direct_rows) return linear_many<W>(pool, args);
  linear_few<W>(pool, args);
  return true;
}

bool linear(ThreadPool& pool, const LinearArgs& args) {
  if (!args.x.rows || !args.weight.rows) return true;
  if (args.weight.type == CT_Q8) return linear_packed<Code8>(pool, args);
  if (args.weight.type == CT_Q4) return linear_packed<Code4>(pool, args);
  return args.weight.type == CT_BF16 ? linear_of<bf16>(pool, args) : linear_of<float>(pool, args);
}

}  // namespace CT_TARGET
}  // namespace ct
