// Rotary position embedding of every head by its row's position.
#include "rotary.h"

#include "kernel_table.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Models were trained on angles rounded to f32, at positions below this; beyond them the rounding
// would only be an error that grows.
constexpr int32_t rotary_rounded_positions = 1 << 17;

void rotary_angles(float* cosines, float* sines, const float* frequencies, uint32_t half,
                   int32_t position) {
  for (uint32_t i = 0; i < half; ++i) {
    const double exact = double(position) * double(frequencies[i]);
    const double angle = position < rotary_rounded_positions ? double(float(exact)) : exact;
    rotary_angle(cosines[i], sines[i], angle);
  }
}

}  // namespace

bool rotary(ThreadPool& pool, const RotaryArgs& args) {
  const uint32_t half = args.head_size / 2;
  if (!pool.reserve(uint64_t{half} * 3 * sizeof(float))) return false;
  float* const frequencies = static_cast<float*>(pool.scratch(0));  // read by every thread
  rotary_frequencies(frequencies, args.head_size, args.theta);
  pool.run(args.x.rows, [&](uint32_t row, uint32_t thread) {
    float* const cosines = static_cast<float*>(pool.scratch(thread)) + half;
    float* const sines = cosines + half;
    rotary_angles(cosines, sines, frequencies, half, args.positions[row]);
    for (uint32_t h = 0; h < args.heads; ++h) {
      const uint64_t offset = uint64_t{h} * args.head_size;
      rotate_head(args.out.row(row) + offset, args.x.row(row) + offset, cosines, sines, half);
    }
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
