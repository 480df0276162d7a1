// Writes new keys and values to their places in the paged caches.
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

// `count` columns from `first` of every row, in order: where a ring is shorter than the segment the
// later row stays.
template <typename T>
void append_rows(const Typed& cache, const ConstFloats& x, const CacheAppendArgs& args,
                 uint32_t first, uint32_t count) {
  for (uint32_t s = 0; s < args.segments.count; ++s) {
    const int32_t* const pages = args.pages.row(s);
    for (int32_t row = args.segments.starts[s]; row < args.segments.starts[s + 1]; ++row) {
      const uint32_t position = uint32_t(args.positions[row]);
      const int32_t page = pages[position / CT_PAGE_TOKENS % args.pages.columns];
      const uint64_t place = uint64_t(page) * CT_PAGE_TOKENS + position % CT_PAGE_TOKENS;
      append_columns(cache.row<T>(place) + first, x.row(uint64_t(row)) + first, count);
    }
  }
}

}  // namespace

bool cache_append(ThreadPool& pool, const CacheAppendArgs& args) {
  const uint32_t columns = args.keys.columns;
  const uint32_t blocks = columns / append_task_columns + (columns % append_task_columns != 0);
  pool.run(2 * blocks, [&](uint32_t task, uint32_t) {
    const Typed& cache = task % 2 ? args.values : args.keys;
    const ConstFloats& x = task % 2 ? args.v : args.k;
    const uint32_t first = task / 2 * append_task_columns;
    const uint32_t count = smaller(append_task_columns, columns - first);
    if (cache.type == CT_BF16) {
      append_rows<bf16>(cache, x, args, first, count);
    } else {
      append_rows<float>(cache, x, args, first, count);
    }
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
