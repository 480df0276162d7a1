// add, silu and swiglu: an element of the result depends on the same element of the inputs alone.
#include "kernel_table.h"
#include "split.h"
#include "simd.h"

namespace ct {
namespace CT_TARGET {

// Function maps two vectors to one. `y` repeats `x` where an operator has one input.
template <typename Function>
void map_elements(ThreadPool& pool, const Floats& out, const ConstFloats& x, const ConstFloats& y,
                  uint64_t grain, const Function& function) {
  run_parts(pool, out.rows, out.columns, grain, [&](uint64_t r, uint64_t begin, uint64_t end) {
    const float *left = x.row(r), *right = y.row(r);
    float* to = out.row(r);
    uint64_t c = begin;
    for (; c + lanes <= end; c += lanes) store(to + c, function(load(left + c), load(right + c)));
    if (c == end) return;
    const uint32_t rest = uint32_t(end - c);
    store_part(to + c, function(load_part(left + c, rest), load_part(right + c, rest)), rest);
  });
}

bool add(ThreadPool& pool, const ElementwiseArgs& args) {
  const auto function = [](Vector x, Vector y) { return x + y; };
  map_elements(pool, args.out, args.x, args.y, 32768, function);
  return true;
}

bool silu(ThreadPool& pool, const ElementwiseArgs& args) {
  const auto function = [](Vector x, Vector) { return silu(x); };
  map_elements(pool, args.out, args.x, args.x, 4096, function);
  return true;
}

bool swiglu(ThreadPool& pool, const ElementwiseArgs& args) {
  const auto function = [](Vector gate, Vector up) { return silu(gate) * up; };
  map_elements(pool, args.out, args.x, args.y, 4096, function);
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
