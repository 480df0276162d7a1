// Rotary position embedding: turns each head's pairs (i, i + head_size/2).
#include "kernel_table.h"
#include "parts.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Models were trained with frequencies and angles rounded to f32; only sine and cosine are exact.
void rotary_frequencies(float* frequencies, uint32_t head_size, float theta) {
  for (uint32_t i = 0; i < head_size / 2; ++i) {
    frequencies[i] = float(__builtin_pow(double(theta), -2.0 * i / head_size));
  }
}

void rotary_angles(float* cosines, float* sines, const float* frequencies, uint32_t half,
                   int32_t position) {
  for (uint32_t i = 0; i < half; ++i) {
    const float angle = float(position) * frequencies[i];
    cosines[i] = float(__builtin_cos(double(angle)));
    sines[i] = float(__builtin_sin(double(angle)));
  }
}

void rotate_head(float* out, const float* x, const float* cosines, const float* sines,
                 uint32_t half) {
  for (uint32_t i = 0; i < half; i += lanes) {
    const uint32_t n = half - i;
    const Vector cosine = load_up_to(cosines + i, n), sine = load_up_to(sines + i, n);
    const Vector first = load_up_to(x + i, n), second = load_up_to(x + half + i, n);
    store_up_to(out + i, multiply_add(first, cosine, -(second * sine)), n);
    store_up_to(out + half + i, multiply_add(second, cosine, first * sine), n);
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
