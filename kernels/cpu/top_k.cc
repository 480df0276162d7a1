#include "candidates.h"
#include "kernel_table.h"

namespace ct {
namespace CT_TARGET {

bool top_k(ThreadPool& pool, const TopKArgs& args) {
  const uint32_t k = args.values.columns;
  if (!k) return true;
  if (!pool.reserve(uint64_t{k} * sizeof(Candidate))) return false;
  pool.run(args.x.rows, [&](uint32_t r, uint32_t thread) {
    Candidate* heap = static_cast<Candidate*>(pool.scratch(thread));
    const float* x = args.x.row(r);
    select(heap, k, x, args.x.columns);
    // The worst goes last, then the worst of those left.
    for (uint32_t left = k; left-- > 0;) {
      args.indices.row(r)[left] = heap[0].index;
      args.values.row(r)[left] = x[heap[0].index];
      heap[0] = heap[left];
      sift_down(heap, left, 0);
    }
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
