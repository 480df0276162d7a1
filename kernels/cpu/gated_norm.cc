// RMS norm of each head, gated by silu(gate).
#include "kernel_table.h"
#include "parts.h"

namespace ct {
namespace CT_TARGET {
namespace {

constexpr uint32_t gated_norm_task_size = 1024;  // elements: enough to be worth a hand-over

float mean_square(const float* x, uint32_t size) {
  Vector even{}, odd{};
  uint32_t c = 0;
  for (; c + 2 * lanes <= size; c += 2 * lanes) {
    const Vector first = load(x + c), second = load(x + c + lanes);
    even = multiply_add(first, first, even);
    odd = multiply_add(second, second, odd);
  }
  for (; c < size; c += lanes) {
    const Vector rest = load_up_to(x + c, size - c);
    even = multiply_add(rest, rest, even);
  }
  return sum(even + odd) / float(size);
}

void gated_norm_head(float* out, const float* x, const float* gate, const float* weight,
                     uint32_t size, float epsilon) {
  const float scale = 1.0f / __builtin_sqrtf(mean_square(x, size) + epsilon);
  for (uint32_t c = 0; c < size; c += lanes) {
    const uint32_t n = size - c;
    const Vector normal = load_up_to(x + c, n) * scale * load_up_to(weight + c, n);
    store_up_to(out + c, normal * silu(load_up_to(gate + c, n)), n);
  }
}

}  // namespace

bool gated_norm(ThreadPool& pool, const GatedNormArgs& args) {
  const uint32_t size = args.head_size;
  const uint64_t heads = uint64_t{args.x.rows} * args.heads;
  const uint32_t each = larger(1, gated_norm_task_size / size);
  pool.run(uint32_t((heads + each - 1) / each), [&](uint32_t task, uint32_t) {
    const uint64_t first = uint64_t{task} * each;
    for (uint64_t i = first; i < first + each && i < heads; ++i) {
      const uint64_t row = i / args.heads, offset = i % args.heads * size;
      gated_norm_head(args.out.row(row) + offset, args.x.row(row) + offset,
                      args.gate.row(row) + offset, args.weight, size, args.epsilon);
    }
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
