// Writes new keys and values to their rows of the paged caches, and keeps the bounds of the keys.
#include <string.h>

#include "kernel_table.h"
#include "parts.h"

namespace ct {
namespace CT_TARGET {
namespace {

constexpr uint32_t append_task_columns = 128;

inline void append_columns(float* to, const float* from, uint32_t count) {
  memcpy(to, from, count * sizeof(float));
}

inline void append_columns(bf16* to, const float* from, uint32_t count) {
  for (uint32_t c = 0; c < count; c += lanes) {
    store_up_to(to + c, load_up_to(from + c, count - c), count - c);
  }
}

// Takes one stored row into the least and greatest of its page; `begins` does so for its first.
template <typename T>
void widen_bounds(float* least, float* greatest, const T* stored, uint32_t count, bool begins) {
  for (uint32_t c = 0; c < count; c += lanes) {
    const uint32_t n = count - c;
    const Vector x = load_up_to(stored + c, n);
    const Vector low = begins ? x : load_up_to(least + c, n);
    const Vector high = begins ? x : load_up_to(greatest + c, n);
    store_up_to(least + c, x < low ? x : low, n);
    store_up_to(greatest + c, x > high ? x : high, n);
  }
}

// `count` columns from `first` of every row.
template <typename T>
void append_rows(const Typed& cache, const ConstFloats& x, const CacheAppendArgs& args,
                 const Floats& bounds, uint32_t first, uint32_t count) {
  for (uint32_t r = 0; r < x.rows; ++r) {
    const uint32_t row = uint32_t(args.rows[r]);
    T* const to = cache.row<T>(row) + first;
    append_columns(to, x.row(r) + first, count);
    if (!bounds.data) continue;
    float* const least = bounds.row(row / CT_PAGE_TOKENS) + first;
    widen_bounds(least, least + cache.columns, to, count, row % CT_PAGE_TOKENS == 0);
  }
}

}  // namespace

bool cache_append(ThreadPool& pool, const CacheAppendArgs& args) {
  const uint32_t columns = args.keys.columns;
  const uint32_t blocks = columns / append_task_columns + (columns % append_task_columns != 0);
  pool.run(2 * blocks, [&](uint32_t task, uint32_t) {
    const Typed& cache = task % 2 ? args.values : args.keys;
    const ConstFloats& x = task % 2 ? args.v : args.k;
    const Floats bounds = task % 2 ? Floats{} : args.bounds;
    const uint32_t first = task / 2 * append_task_columns;
    const uint32_t count = smaller(append_task_columns, columns - first);
    if (cache.type == CT_BF16) {
      append_rows<bf16>(cache, x, args, bounds, first, count);
    } else {
      append_rows<float>(cache, x, args, bounds, first, count);
    }
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
