#include "kernel_table.h"
#include "split.h"
#include "simd.h"

namespace ct {
namespace CT_TARGET {

// Four sums run side by side to hide the latency of addition; their order is the same for every
// row.
inline float sum_of_squares(const float* x, uint64_t columns) {
  Vector sums[4] = {};
  uint64_t c = 0;
  for (; c + 4 * lanes <= columns; c += 4 * lanes) {
    for (uint32_t i = 0; i < 4; ++i) {
      const Vector part = load(x + c + i * lanes);
      sums[i] = multiply_add(part, part, sums[i]);
    }
  }
  for (; c < columns; c += lanes) {
    const uint64_t left = columns - c;
    const Vector part = left < lanes ? load_part(x + c, uint32_t(left)) : load(x + c);
    sums[0] = multiply_add(part, part, sums[0]);
  }
  return sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

bool rms_norm(ThreadPool& pool, const RmsNormArgs& args) {
  const uint64_t columns = args.head_size;
  const auto normalize = [&](uint64_t r, uint64_t head) {
    const float* x = args.x.row(r) + head * columns;
    float* out = args.out.row(r) + head * columns;
    const float mean = sum_of_squares(x, columns) / float(columns);
    const float scale = 1.0f / __builtin_sqrtf(mean + args.epsilon);
    uint64_t c = 0;
    for (; c + lanes <= columns; c += lanes) {
      store(out + c, load(x + c) * scale * load(args.weight + c));
    }
    for (; c < columns; ++c) out[c] = x[c] * scale * args.weight[c];
  };
  // Whole rows only: a mean needs all of its head.
  const uint64_t group = args.x.columns < 16384 ? 16384 / args.x.columns : 1;
  pool.run(uint32_t(divide_up(args.x.rows, group)), [&](uint32_t task, uint32_t) {
    for (uint64_t r = task * group; r < (task + 1) * group && r < args.x.rows; ++r) {
      for (uint32_t head = 0; head < args.heads; ++head) normalize(r, head);
    }
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
