// Numbers, and what the threads of a warp or a block make of them together. A prelude stands
// before.
#pragma once
#include "sizes.h"

// Its bits. A type of its own, but without a constructor, which would know one address space only.
enum class bf16 : uint16_t {};

CONSTANT uint32_t warp_size = CT_WARP_THREADS;
CONSTANT uint32_t block_size = CT_BLOCK_THREADS;
CONSTANT uint32_t block_warps = block_size / warp_size;

DEVICE float infinity() { return float_of(0x7f800000u); }

// NaN counts as less than everything.
DEVICE float greater(float x, float y) { return x > y || y != y ? x : y; }
DEVICE uint32_t lesser(uint32_t x, uint32_t y) { return x < y ? x : y; }

DEVICE uint4 four_words(uint32_t x, uint32_t y, uint32_t z, uint32_t w) {
  uint4 words;
  words.x = x;
  words.y = y;
  words.z = z;
  words.w = w;
  return words;
}

DEVICE uint32_t word_of(uint4 words, uint32_t i) {
  return i < 2 ? (i ? words.y : words.x) : i == 2 ? words.z : words.w;
}

DEVICE float to_float(float x) { return x; }
DEVICE float to_float(bf16 x) { return float_of(uint32_t(x) << 16); }

// A float as another type stores it: to nearest, ties to even.
template <typename T>
DEVICE T from_float(float x);

template <>
DEVICE float from_float<float>(float x) {
  return x;
}

template <>
DEVICE bf16 from_float<bf16>(float x) {
  const uint32_t bits = bits_of(x);
  // Rounding could carry a NaN into infinity.
  return bf16(x != x ? bits >> 16 | 0x40u : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

DEVICE float sigmoid(float x) { return 1.0f / (1.0f + exp(-x)); }
DEVICE float silu(float x) { return x / (1.0f + exp(-x)); }

// log(1 + x) for x >= 0, also where 1 + x rounds much of x away.
DEVICE float log_one_plus(float x) {
  const float sum = 1.0f + x;
  return sum == 1.0f ? x : log(sum) * (x / (sum - 1.0f));
}

// Every lane gets the sum over the warp, in an order that is always the same.
DEVICE float warp_sum(float x) {
  for (uint32_t mask = warp_size / 2; mask > 0; mask /= 2) x += shuffle_xor(x, mask);
  return x;
}

DEVICE float warp_greatest(float x) {
  for (uint32_t mask = warp_size / 2; mask > 0; mask /= 2) x = greater(x, shuffle_xor(x, mask));
  return x;
}

// Every thread of a block of block_size gets the sum over the block; `parts` has block_warps
// elements.
DEVICE float block_sum(float x, SHARED_POINTER(float) parts, uint32_t thread_index) {
  x = warp_sum(x);
  barrier();  // parts may still be read
  if (thread_index % warp_size == 0) parts[thread_index / warp_size] = x;
  barrier();
  float total = 0.0f;
  for (uint32_t warp = 0; warp < block_warps; ++warp) total += parts[warp];
  return total;
}

DEVICE float block_greatest(float x, SHARED_POINTER(float) parts, uint32_t thread_index) {
  x = warp_greatest(x);
  barrier();
  if (thread_index % warp_size == 0) parts[thread_index / warp_size] = x;
  barrier();
  float most = -infinity();
  for (uint32_t warp = 0; warp < block_warps; ++warp) most = greater(most, parts[warp]);
  return most;
}

// The segment that a row belongs to; the last of those that begin there.
DEVICE uint32_t segment_of_row(GLOBAL(const int32_t) starts, uint32_t segments, uint32_t row) {
  uint32_t low = 0, high = segments;  // the answer is in low ... high - 1
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    if (uint32_t(starts[middle]) <= row) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}
