// Vectors two at a time, in the order in which elements come out of memory at the least cost: 32
// elements of bf16 are the upper and the lower halves of 16 words, so the even ones are one vector
// and the odd ones another. Elements of f32 stay as they are.
#pragma once
#include "parts.h"

namespace ct {
namespace CT_TARGET {
namespace {

constexpr uint32_t pair_lanes = 2 * lanes;

// n rounded up to whole pairs.
inline uint64_t paired(uint64_t n) { return (n + pair_lanes - 1) / pair_lanes * pair_lanes; }

// Vector `half` of the pair at p.
template <uint32_t half>
inline Vector load_half(const float* p) {
  return load(p + half * lanes);
}

template <uint32_t half>
inline Vector load_half(const bf16* p) {
  BitsVector words;
  memcpy(&words, p, sizeof words);
  return (Vector)(half ? words & 0xffff0000u : words << 16);
}

// The first n elements of a pair in `whole`, whose others become zero.
template <typename T>
inline const T* copy_part(T (&whole)[pair_lanes], const T* from, uint64_t n) {
  memset(whole, 0, sizeof whole);
  memcpy(whole, from, n * sizeof(T));
  return whole;
}

// Where element c of a row stands once the row is in the order of pairs of T.
template <typename T>
inline uint64_t paired_place(uint64_t c) {
  if (sizeof(T) == sizeof(float)) return c;
  return c - c % pair_lanes + c % 2 * lanes + c % pair_lanes / 2;
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
