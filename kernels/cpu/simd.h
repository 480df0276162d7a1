// Vectors of CT_LANES floats from one source, by the vector extensions of GCC and clang. Compiled
// inside namespace ct::CT_TARGET once for each instruction set, so that no inline function of one
// set can be linked into another. Build with -ffp-contract=off: only multiply_add fuses, so results
// do not depend on what a compiler finds to contract.
#pragma once
#include <stdint.h>
#include <string.h>

#include "../common/arguments.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_FMA)
#include <arm_neon.h>
#endif

namespace ct {
namespace CT_TARGET {

constexpr uint32_t lanes = CT_LANES;
using Vector = float __attribute__((vector_size(CT_LANES * 4)));
using IntVector = int32_t __attribute__((vector_size(CT_LANES * 4)));
using BitsVector = uint32_t __attribute__((vector_size(CT_LANES * 4)));
using HalfBitsVector = uint16_t __attribute__((vector_size(CT_LANES * 2)));

inline Vector splat(float x) {
  return x - Vector{};  // x - 0 keeps the sign of zero and the payload of NaN
}

// Unaligned loads and stores; the overloads for bf16 widen and round (to nearest, ties to even).
inline Vector load(const float* p) {
  Vector x;
  memcpy(&x, p, sizeof x);
  return x;
}

// GCC 12 makes four instructions of the conversion that these instruction sets have one for, and
// warns of its own header where the form without a mask is used.
inline BitsVector widen(HalfBitsVector x) {
#if CT_LANES == 16 && defined(__AVX512F__)
  return (BitsVector)_mm512_maskz_cvtepu16_epi32(__mmask16(-1), (__m256i)x);
#elif CT_LANES == 8 && defined(__AVX2__)
  return (BitsVector)_mm256_cvtepu16_epi32((__m128i)x);
#else
  return __builtin_convertvector(x, BitsVector);
#endif
}

inline Vector load(const bf16* p) {
  HalfBitsVector x;
  memcpy(&x, p, sizeof x);
  return (Vector)(widen(x) << 16);
}

inline void store(float* p, Vector x) { memcpy(p, &x, sizeof x); }

inline HalfBitsVector round_to_bf16(Vector x) {
  const BitsVector bits = (BitsVector)x;
  const BitsVector rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const BitsVector quiet = (bits >> 16) | 0x40u;  // rounding could carry a NaN into infinity
  return __builtin_convertvector(x == x ? rounded : quiet, HalfBitsVector);
}

inline void store(bf16* p, Vector x) {
  const HalfBitsVector bits = round_to_bf16(x);
  memcpy(p, &bits, sizeof bits);
}

// The first n < lanes elements; the others read as zero and are not written.
inline Vector load_part(const float* p, uint32_t n) {
  float x[CT_LANES] = {};
  for (uint32_t i = 0; i < n; ++i) x[i] = p[i];
  return load(x);
}

inline Vector load_part(const bf16* p, uint32_t n) {
  bf16 x[CT_LANES] = {};
  for (uint32_t i = 0; i < n; ++i) x[i] = p[i];
  return load(x);
}

inline void store_part(float* p, Vector x, uint32_t n) {
  float all[CT_LANES];
  store(all, x);
  for (uint32_t i = 0; i < n; ++i) p[i] = all[i];
}

inline void store_part(bf16* p, Vector x, uint32_t n) {
  bf16 all[CT_LANES];
  store(all, x);
  for (uint32_t i = 0; i < n; ++i) p[i] = all[i];
}

// a * b + c, fused where the instruction set has it.
inline float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

inline Vector multiply_add(Vector a, Vector b, Vector c) {
#if CT_LANES == 16 && defined(__AVX512F__)
  return (Vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif CT_LANES == 8 && defined(__FMA__)
  return (Vector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif CT_LANES == 4 && defined(__FMA__)
  return (Vector)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
#elif CT_LANES == 4 && defined(__ARM_FEATURE_FMA)
  return (Vector)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  for (uint32_t i = 0; i < lanes; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
#else
  return a * b + c;
#endif
}

// Where a is NaN the result is b.
inline Vector maximum(Vector a, Vector b) { return a > b ? a : b; }

// Sums and greatest element in a fixed order: upper half onto lower half, down to one.
using Quarter = float __attribute__((vector_size(16)));

inline float sum(Quarter x) {
  x += __builtin_shufflevector(x, x, 2, 3, 0, 1);
  return x[0] + x[1];
}

inline float greatest(Quarter x) {
  const Quarter swapped = __builtin_shufflevector(x, x, 2, 3, 0, 1);
  x = x > swapped ? x : swapped;
  return x[0] > x[1] ? x[0] : x[1];
}

#if CT_LANES >= 8
using Eight = float __attribute__((vector_size(32)));

inline float sum(Eight x) {
  return sum(__builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7));
}

inline float greatest(Eight x) {
  const Quarter low = __builtin_shufflevector(x, x, 0, 1, 2, 3);
  const Quarter high = __builtin_shufflevector(x, x, 4, 5, 6, 7);
  return greatest(low > high ? low : high);
}
#endif

#if CT_LANES == 16
inline float sum(Vector x) {
  return sum(__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
             __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15));
}

inline float greatest(Vector x) {
  const Eight low = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7);
  const Eight high = __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
  return greatest(low > high ? low : high);
}
#endif

// The sums of as many vectors as there are lanes, each added up like sum(): the halves of two
// vectors at a time, then the quarters of two of those, until one vector holds all sums in order.
inline Vector sums(const Vector (&x)[lanes]) {
  Vector halves[lanes];
  memcpy(halves, x, sizeof halves);
#if CT_LANES == 16
  for (uint32_t i = 0; i < 8; ++i) {
    const Vector a = halves[2 * i], b = halves[2 * i + 1];
    halves[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7,  //
                                        16, 17, 18, 19, 20, 21, 22, 23) +
                __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15,  //
                                        24, 25, 26, 27, 28, 29, 30, 31);
  }
  for (uint32_t i = 0; i < 4; ++i) {
    const Vector a = halves[2 * i], b = halves[2 * i + 1];
    halves[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11,  //
                                        16, 17, 18, 19, 24, 25, 26, 27) +
                __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15,  //
                                        20, 21, 22, 23, 28, 29, 30, 31);
  }
  for (uint32_t i = 0; i < 2; ++i) {
    const Vector a = halves[2 * i], b = halves[2 * i + 1];
    halves[i] = __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13,  //
                                        16, 17, 20, 21, 24, 25, 28, 29) +
                __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15,  //
                                        18, 19, 22, 23, 26, 27, 30, 31);
  }
  const Vector a = halves[0], b = halves[1];
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif CT_LANES == 8
  for (uint32_t i = 0; i < 4; ++i) {
    const Vector a = halves[2 * i], b = halves[2 * i + 1];
    halves[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
                __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (uint32_t i = 0; i < 2; ++i) {
    const Vector a = halves[2 * i], b = halves[2 * i + 1];
    halves[i] = __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13) +
                __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
  }
  const Vector a = halves[0], b = halves[1];
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14) +
         __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#else
  for (uint32_t i = 0; i < 2; ++i) {
    const Vector a = halves[2 * i], b = halves[2 * i + 1];
    halves[i] = __builtin_shufflevector(a, b, 0, 1, 4, 5) +
                __builtin_shufflevector(a, b, 2, 3, 6, 7);
  }
  const Vector a = halves[0], b = halves[1];
  return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
#endif
}

// e^x to within 2 units in the last place; 0 below -87.3, infinity above 88.72.
inline Vector exponential(Vector x) {
  constexpr float lowest = -87.3f, highest = 88.72f;
  Vector bounded = x < lowest ? splat(lowest) : x;
  bounded = bounded > highest ? splat(highest) : bounded;
  // x = n ln 2 + r. Adding 1.5 * 2^23 rounds to an integer that stands in the low bits.
  const Vector shift = splat(12582912.0f);
  const Vector shifted = multiply_add(bounded, splat(1.44269504f), shift);
  const Vector n = shifted - shift;
  // ln 2 in two parts, the first with so few bits that n times it is exact.
  Vector r = multiply_add(n, splat(-0.693359375f), bounded);
  r = multiply_add(n, splat(2.12194440e-4f), r);
  // Taylor's series: |r| < 0.347, so what follows r^7 is below 6e-9.
  Vector p = splat(1.0f / 5040);
  p = multiply_add(p, r, splat(1.0f / 720));
  p = multiply_add(p, r, splat(1.0f / 120));
  p = multiply_add(p, r, splat(1.0f / 24));
  p = multiply_add(p, r, splat(1.0f / 6));
  p = multiply_add(p, r, splat(0.5f));
  p = multiply_add(p * r, r, r) + 1.0f;
  const Vector scaled = (Vector)((BitsVector)p + ((BitsVector)shifted << 23));
  const Vector finite = x < lowest ? splat(0.0f) : scaled;
  const Vector result = x > highest ? splat(__builtin_inff()) : finite;
  return x == x ? result : x;
}

inline float exponential(float x) { return exponential(splat(x))[0]; }

inline Vector sigmoid(Vector x) { return 1.0f / (1.0f + exponential(-x)); }
inline Vector silu(Vector x) { return x / (1.0f + exponential(-x)); }

inline float to_float(float x) { return x; }

inline float to_float(bf16 x) {
  const uint32_t bits = (uint32_t)x.bits << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

inline bf16 to_bf16(float x) { return {round_to_bf16(splat(x))[0]}; }

}  // namespace CT_TARGET
}  // namespace ct
