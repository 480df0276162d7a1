// f16, which not every compiler for C++17 has.
#pragma once
#include <stdint.h>
#include <string.h>

#include <cmath>

namespace ct {

// To nearest, ties to even.
inline uint16_t f16_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (x != x) return uint16_t(sign | 0x7e00);
  if (magnitude < 0x38800000) {  // below 2^-14 f16 has multiples of 2^-24, and floats from 0.5 on
    const float sum = std::fabs(x) + 0.5f;
    memcpy(&bits, &sum, sizeof bits);
    return uint16_t(sign | (bits - 0x3f000000));
  }
  const uint32_t rounded = ((magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13) - (112 << 10);
  return uint16_t(sign | (rounded < 0x7c00 ? rounded : 0x7c00));
}

inline float f16_value(uint16_t half) {
  const uint32_t magnitude = uint32_t(half & 0x7fff) << 13;
  float x;
  if ((half & 0x7c00) == 0x7c00) {
    const uint32_t bits = magnitude | 0x7f800000;
    memcpy(&x, &bits, sizeof x);
  } else {
    memcpy(&x, &magnitude, sizeof x);
    x *= 0x1p112f;
  }
  return half & 0x8000 ? -x : x;
}

}  // namespace ct
