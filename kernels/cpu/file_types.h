// The element types of a file, which need not be aligned: how many bytes an element has and how
// `lanes` of them become floats.
#pragma once
#include <string.h>

#include "simd.h"

namespace ct {
namespace CT_TARGET {

struct FileFloat {
  static constexpr uint32_t bytes = 4;
  static Vector widen(const unsigned char* p) {
    Vector x;
    memcpy(&x, p, sizeof x);
    return x;
  }
};

inline BitsVector load_halves(const unsigned char* p) {
  HalfBitsVector x;
  memcpy(&x, p, sizeof x);
  return widen(x);
}

struct FileBf16 {
  static constexpr uint32_t bytes = 2;
  static Vector widen(const unsigned char* p) { return (Vector)(load_halves(p) << 16); }
};

struct FileHalf {
  static constexpr uint32_t bytes = 2;
  static Vector widen(const unsigned char* p) {
    constexpr uint32_t rebias = (127 - 15) << 23;
    const BitsVector half = load_halves(p);
    const BitsVector sign = (half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    const BitsVector normal = (magnitude << 13) + rebias;
    // Below 2^-14 the magnitude counts steps of 2^-24; infinity and NaN keep the highest exponent.
    const Vector small = __builtin_convertvector((IntVector)magnitude, Vector) * 0x1p-24f;
    const BitsVector finite = magnitude < 0x400u ? (BitsVector)small : normal;
    return (Vector)(sign | (magnitude >= 0x7c00u ? normal + rebias : finite));
  }
};

}  // namespace CT_TARGET
}  // namespace ct
