// The product that packed weights are multiplied by: four codes of each of `lanes` rows with four
// elements of x, both in 8 bits, added up in 32. It is exact on every instruction set.
#pragma once
#include <string.h>

#include "../common/packed.h"
#include "simd.h"

namespace ct {
namespace CT_TARGET {

// The two kinds of codes: bits, and columns in a chunk of one line.
struct Code8 {
  static constexpr uint32_t bits = 8, columns = 4;
};
struct Code4 {
  static constexpr uint32_t bits = 4, columns = 8;
};

// Vectors that hold one number for each row of a block.
constexpr uint32_t parts = packed_rows / lanes;

inline IntVector splat_integer(int32_t x) { return x - IntVector{}; }

inline IntVector load_codes(const unsigned char* p) {
  IntVector x;
  memcpy(&x, p, sizeof x);
  return x;
}

inline int32_t four_bytes(const int8_t* p) {
  int32_t bytes;
  memcpy(&bytes, p, sizeof bytes);
  return bytes;
}

#if defined(__AVX512VNNI__)

// Four elements of x for every lane.
struct Quad {
  IntVector bytes;
};

inline Quad load_quad(const int8_t* x) { return {splat_integer(four_bytes(x))}; }

template <typename Code>
inline IntVector dot(IntVector sum, IntVector codes, Quad x) {
  return (IntVector)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)codes, (__m512i)x.bytes);
}

#elif defined(__x86_64__)

using ShortVector = int16_t __attribute__((vector_size(CT_LANES * 4)));

// As 16-bit integers: elements 0 and 2, and 1 and 3. A sum of two 16-bit products of full codes
// would not fit into 16 bits, where the instruction for bytes has it.
struct Quad {
  IntVector even, odd;
};

inline Quad load_quad(const int8_t* x) {
  const ShortVector bytes = (ShortVector)splat_integer(four_bytes(x));
  return {(IntVector)((bytes << 8) >> 8), (IntVector)(bytes >> 8)};
}

// The products of 16-bit integers, two neighbours added up.
inline IntVector multiply_pairs(IntVector x, IntVector y) {
#if CT_LANES == 16
  return (IntVector)_mm512_madd_epi16((__m512i)x, (__m512i)y);
#elif CT_LANES == 8
  return (IntVector)_mm256_madd_epi16((__m256i)x, (__m256i)y);
#else
  return (IntVector)_mm_madd_epi16((__m128i)x, (__m128i)y);
#endif
}

template <typename Code>
inline IntVector dot(IntVector sum, IntVector codes, Quad x) {
  const IntVector even = codes & 0x00ff00ff;
  const IntVector odd = (IntVector)((BitsVector)codes >> 8) & 0x00ff00ff;
  return sum + multiply_pairs(even, x.even) + multiply_pairs(odd, x.odd);
}

#else

struct Quad {
  int8x16_t bytes;
};

inline Quad load_quad(const int8_t* x) {
  return {vreinterpretq_s8_s32(vdupq_n_s32(four_bytes(x)))};
}

// There is no product of unsigned and signed bytes, so full codes become signed: see first_sum().
template <typename Code>
inline IntVector dot(IntVector sum, IntVector codes, Quad x) {
  const IntVector centred = Code::bits == 8 ? codes ^ int32_t(0x80808080) : codes;
  const int8x16_t bytes = vreinterpretq_s8_s32((int32x4_t)centred);
#if defined(__ARM_FEATURE_DOTPROD)
  return (IntVector)vdotq_s32((int32x4_t)sum, bytes, x.bytes);
#else
  const int16x8_t low = vmull_s8(vget_low_s8(bytes), vget_low_s8(x.bytes));
  const int16x8_t high = vmull_high_s8(bytes, x.bytes);
  return (IntVector)vpadalq_s16((int32x4_t)sum, vpaddq_s16(low, high));
#endif
}

#endif

// What a sum of products begins with, so that it counts codes from their zero; `sum` is that of the
// elements of x.
template <typename Code>
inline int32_t first_sum(int32_t sum) {
#if defined(__aarch64__)
  if (Code::bits == 8) return 0;
#endif
  return -(sum << (Code::bits - 1));
}

}  // namespace CT_TARGET
}  // namespace ct
