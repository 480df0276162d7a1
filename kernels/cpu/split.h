// Splits the elements of a matrix into tasks.
#pragma once
#include "simd.h"
#include "../common/thread_pool.h"

namespace ct {
namespace CT_TARGET {

inline uint64_t divide_up(uint64_t x, uint64_t by) { return (x + by - 1) / by; }

// Runs body(row, begin, end) for parts that cover columns 0 ... columns - 1 of every row: whole
// rows, or pieces of long rows that begin at a multiple of 16. A task covers about `grain`
// elements.
template <typename Body>
void run_parts(ThreadPool& pool, uint64_t rows, uint64_t columns, uint64_t grain,
               const Body& body) {
  if (!rows || !columns) return;
  if (columns >= 2 * grain) {
    const uint64_t piece = divide_up(grain, 16) * 16;
    const uint64_t pieces = divide_up(columns, piece);
    pool.run(uint32_t(rows * pieces), [&](uint32_t task, uint32_t) {
      const uint64_t begin = task % pieces * piece;
      body(task / pieces, begin, columns - begin < piece ? columns : begin + piece);
    });
    return;
  }
  const uint64_t group = columns >= grain ? 1 : grain / columns;
  pool.run(uint32_t(divide_up(rows, group)), [&](uint32_t task, uint32_t) {
    const uint64_t begin = task * group, end = rows - begin < group ? rows : begin + group;
    for (uint64_t r = begin; r < end; ++r) body(r, 0, columns);
  });
}

}  // namespace CT_TARGET
}  // namespace ct
