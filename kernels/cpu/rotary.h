// Rotary position embedding: the angles, and turning a head's pairs (i, i + head_size/2) by them.
#pragma once
#include "parts.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Models were trained with frequencies rounded to f32.
void rotary_frequencies(float* frequencies, uint32_t head_size, float theta) {
  for (uint32_t i = 0; i < head_size / 2; ++i) {
    frequencies[i] = float(__builtin_pow(double(theta), -2.0 * i / head_size));
  }
}

inline void rotary_angle(float& cosine, float& sine, double angle) {
  cosine = float(__builtin_cos(angle));
  sine = float(__builtin_sin(angle));
}

// out may be x.
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
}  // namespace CT_TARGET
}  // namespace ct
