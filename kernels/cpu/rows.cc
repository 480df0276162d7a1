// gather_rows and scatter_rows: copies of rows that an index chooses.
#include <string.h>

#include "kernel_table.h"
#include "split.h"
#include "simd.h"

namespace ct {
namespace CT_TARGET {

bool gather_rows(ThreadPool& pool, const RowsArgs& args) {
  const auto copy = [&args](uint64_t r, uint64_t begin, uint64_t end) {
    const float* from = args.x.row(uint32_t(args.rows[r]));
    memcpy(args.out.row(r) + begin, from + begin, (end - begin) * sizeof(float));
  };
  run_parts(pool, args.count, args.x.columns, 32768, copy);
  return true;
}

bool scatter_rows(ThreadPool& pool, const RowsArgs& args) {
  const auto copy = [&args](uint64_t r, uint64_t begin, uint64_t end) {
    float* to = args.out.row(uint32_t(args.rows[r]));
    memcpy(to + begin, args.x.row(r) + begin, (end - begin) * sizeof(float));
  };
  run_parts(pool, args.count, args.x.columns, 32768, copy);
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
