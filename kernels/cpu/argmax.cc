#include "kernel_table.h"
#include "simd.h"

namespace ct {
namespace CT_TARGET {

// The lowest index of -infinity, which every NaN is less than; 0 when all are NaN.
inline int32_t first_number(const float* x, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (x[i] == x[i]) return int32_t(i);
  }
  return 0;
}

inline int32_t index_of_greatest(const float* x, uint32_t count) {
  constexpr int32_t none = INT32_MAX;
  // Each lane keeps its first greatest element; comparisons with NaN are false.
  Vector best = splat(-__builtin_inff());
  IntVector where = IntVector{} + none, here = {};
  for (uint32_t i = 0; i < lanes; ++i) here[i] = int32_t(i);
  uint32_t c = 0;
  for (; c + lanes <= count; c += lanes) {
    const Vector part = load(x + c);
    const IntVector better = part > best;
    best = better ? part : best;
    where = better ? here : where;
    here += int32_t(lanes);
  }
  float greatest = -__builtin_inff();
  int32_t index = none;
  for (uint32_t i = 0; i < lanes; ++i) {
    if (best[i] > greatest || (best[i] == greatest && where[i] < index)) {
      greatest = best[i];
      index = where[i];
    }
  }
  for (; c < count; ++c) {
    if (!(x[c] > greatest)) continue;
    greatest = x[c];
    index = int32_t(c);
  }
  return index == none ? first_number(x, count) : index;
}

bool argmax(ThreadPool& pool, const ArgmaxArgs& args) {
  pool.run(args.x.rows, [&args](uint32_t r, uint32_t) {
    args.out[r] = index_of_greatest(args.x.row(r), args.x.columns);
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
