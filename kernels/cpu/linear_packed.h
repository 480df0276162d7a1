// linear with packed weights. A lane of a vector is an output, so nothing is added up across lanes,
// and a group costs one step in floats for all its columns:
//   total += float(sum of its products) * (scale of the weights * scale of x)
// in two roundings on every instruction set, so that all give the same bits.
#pragma once
#include "like_parts.h"
#include "packed_dot.h"
#include "packed_input.h"
#include "parts.h"
#include "prefetch.h"
#include "simd.h"
#include "split.h"

namespace ct {
namespace CT_TARGET {

// Rows of x and blocks of weights that are multiplied together: their sums and totals fill the
// registers. With few rows it is the memory that takes time, and it gives more when more blocks are
// read at once.
#if defined(__AVX512F__)
constexpr uint32_t packed_tile_rows = 6, packed_tile_blocks = 2;
constexpr uint32_t packed_few_rows = 3, packed_few_blocks = 4;
#else
constexpr uint32_t packed_tile_rows = lanes == 8 ? 3 : 2, packed_tile_blocks = 1;
constexpr uint32_t packed_few_rows = 1, packed_few_blocks = 1;
#endif

// Weights that are worth a task of their own, for one row of x, and tasks that are enough for a
// thread: the fewer there are, the longer the last one keeps the others waiting.
constexpr uint64_t packed_task_bytes = 64 * 1024, packed_thread_tasks = 64;

// What a tile of rows asks for of a later block: with few rows the processor sees to most of it,
// and with more each tile asks for all, as the one before may not have got it.
inline uint64_t packed_prefetched(uint32_t rows, uint64_t block_bytes) {
  constexpr uint64_t few_bytes = 12 * 1024;
  return rows <= packed_few_rows && block_bytes > few_bytes ? few_bytes : block_bytes;
}

template <uint32_t rows, uint32_t blocks>
struct PackedSums {
  IntVector at[rows][blocks * parts];
};

// Adds the products of one chunk of each block to the sums.
template <typename Code, uint32_t rows, uint32_t blocks>
inline void add_chunk(PackedSums<rows, blocks>& sums, const unsigned char* const (&codes)[blocks],
                      uint64_t offset, const int8_t* const (&x)[rows]) {
  IntVector chunk[blocks * parts];
  for (uint32_t b = 0; b < blocks; ++b) {
    for (uint32_t p = 0; p < parts; ++p) {
      chunk[b * parts + p] = load_codes(codes[b] + offset + p * lanes * 4);
    }
  }
  for (uint32_t half = 0; half < Code::columns; half += 4) {
    for (uint32_t r = 0; r < rows; ++r) {
      const Quad quad = load_quad(x[r] + half);
      for (uint32_t i = 0; i < blocks * parts; ++i) {
        IntVector four = chunk[i];
        if (Code::bits == 4) {
          four = (half ? (IntVector)((BitsVector)four >> 4) : four) & 0x0f0f0f0f;
        }
        sums.at[r][i] = dot<Code>(sums.at[r][i], four, quad);
      }
    }
  }
}

template <typename Code, uint32_t rows, uint32_t blocks>
void packed_tile(Vector (&totals)[rows][blocks * parts], const Packed& weight, uint32_t block,
                 const Input& input, uint32_t row) {
  const uint32_t group = weight.layout.group;
  const unsigned char* codes[blocks];
  const bf16* scales[blocks];
  for (uint32_t b = 0; b < blocks; ++b) {
    codes[b] = weight.codes(block + b);
    scales[b] = weight.scales(block + b);
  }
  InputRow x[rows];
  for (uint32_t r = 0; r < rows; ++r) {
    x[r] = input.row(row + r);
    for (uint32_t i = 0; i < blocks * parts; ++i) totals[r][i] = Vector{};
  }
  const uint64_t block_bytes = weight.layout.block_bytes();
  const uintptr_t later =
      reinterpret_cast<uintptr_t>(weight.block(block)) + prefetch_ahead(blocks * block_bytes);
  const uint64_t asked = packed_prefetched(input.rows(), block_bytes);
  uint64_t offset = 0;
  for (uint32_t g = 0; g < weight.layout.groups(); ++g) {
    PackedSums<rows, blocks> sums;
    const int8_t* elements[rows];
    for (uint32_t r = 0; r < rows; ++r) {
      elements[r] = x[r].codes + g * group;
      const IntVector first = splat_integer(first_sum<Code>(x[r].sums[g]));
      for (uint32_t i = 0; i < blocks * parts; ++i) sums.at[r][i] = first;
    }
    for (uint32_t k = 0; k < group; k += Code::columns, offset += packed_line) {
      const bool asks = offset < asked;
      for (uint32_t b = 0; asks && b < blocks; ++b) prefetch(later + b * block_bytes + offset);
      add_chunk<Code, rows, blocks>(sums, codes, offset, elements);
      for (uint32_t r = 0; r < rows; ++r) elements[r] += Code::columns;
    }
    for (uint32_t i = 0; i < blocks * parts; ++i) {
      const Vector scale = load(scales[i / parts] + g * packed_rows + i % parts * lanes);
      for (uint32_t r = 0; r < rows; ++r) {
        totals[r][i] += __builtin_convertvector(sums.at[r][i], Vector) * (scale * x[r].scales[g]);
      }
    }
  }
}

template <typename Code, uint32_t rows, uint32_t blocks>
void packed_outputs(const LinearArgs& args, const Packed& weight, uint32_t block,
                    const Input& input, uint32_t row) {
  for (uint32_t r = 0; r < rows; ++r) {
    prefetch_to_write(args.out.row(row + r) + block * packed_rows, blocks * packed_rows);
  }
  Vector totals[rows][blocks * parts];
  packed_tile<Code, rows, blocks>(totals, weight, block, input, row);
  for (uint32_t i = 0; i < blocks * parts; ++i) {
    const uint32_t output = block * packed_rows + i * lanes;
    if (output >= weight.rows) return;
    const uint32_t count = smaller(lanes, weight.rows - output);
    const Vector offset = args.bias ? load_up_to(args.bias + output, count) : Vector{};
    for (uint32_t r = 0; r < rows; ++r) {
      store_up_to(args.out.row(row + r) + output, totals[r][i] + offset, count);
    }
  }
}

// All rows of some blocks: those after the first tile find the weights in a near cache.
template <typename Code, uint32_t blocks, uint32_t most = packed_tile_rows>
void packed_rows_of(const LinearArgs& args, const Packed& weight, uint32_t block,
                    const Input& input) {
  for_like_parts<most>(args.x.rows, [&](auto rows, uint32_t row) {
    packed_outputs<Code, rows.value, blocks>(args, weight, block, input, row);
  });
}

template <typename Code>
void packed_range(const LinearArgs& args, const Packed& weight, const Input& input,
                  uint32_t begin, uint32_t end) {
  uint32_t block = begin;
  if (args.x.rows <= packed_few_rows) {
    for (; end - block >= packed_few_blocks; block += packed_few_blocks) {
      packed_rows_of<Code, packed_few_blocks, packed_few_rows>(args, weight, block, input);
    }
  }
  for (; end - block >= packed_tile_blocks; block += packed_tile_blocks) {
    packed_rows_of<Code, packed_tile_blocks>(args, weight, block, input);
  }
  for (; block < end; ++block) packed_rows_of<Code, 1>(args, weight, block, input);
}

template <typename Code>
bool linear_packed(ThreadPool& pool, const LinearArgs& args) {
  const Packed weight(args.weight);
  const uint32_t rows = args.x.rows, columns = args.x.columns, group = weight.layout.group;
  void* memory = pool.shared(uint64_t{rows} * Input::row_bytes(columns, group));
  if (!memory) return false;
  const Input input(memory, rows, columns, group);
  pool.run(rows, [&](uint32_t row, uint32_t) { input.fill(row, args.x.row(row)); });
  const uint64_t blocks = divide_up(weight.rows, packed_rows);
  const uint64_t work = weight.layout.block_bytes() * rows;
  const uint64_t worth = divide_up(packed_task_bytes, work ? work : 1);
  const uint64_t even = blocks / (packed_thread_tasks * pool.threads());
  const uint64_t share = worth > even ? worth : even;
  const uint64_t each = divide_up(share < blocks ? share : blocks, packed_few_blocks) *
                        packed_few_blocks;
  pool.run(uint32_t(divide_up(blocks, each)), [&](uint32_t task, uint32_t) {
    const uint64_t begin = task * each, end = blocks - begin < each ? blocks : begin + each;
    packed_range<Code>(args, weight, input, uint32_t(begin), uint32_t(end));
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
