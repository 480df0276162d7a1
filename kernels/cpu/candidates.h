// The best few of many floats: a heap whose worst stays at the top.
#pragma once
#include <string.h>

#include "simd.h"

namespace ct {
namespace CT_TARGET {

// A candidate; `key` orders floats as integers: NaN least, both zeros equal.
struct Candidate {
  int32_t key;
  int32_t index;
};

inline int32_t order_key(float x) {
  if (x != x) return INT32_MIN;
  if (x == 0) return 0;
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits < 0 ? bits ^ INT32_MAX : bits;
}

inline bool is_worse(const Candidate& a, const Candidate& b) {
  return a.key < b.key || (a.key == b.key && a.index > b.index);
}

// Moves the candidate at `place` down until none below it is worse: the worst stays at the top.
inline void sift_down(Candidate* heap, uint32_t count, uint32_t place) {
  const Candidate moved = heap[place];
  for (uint64_t child; (child = 2 * uint64_t{place} + 1) < count; place = uint32_t(child)) {
    if (child + 1 < count && is_worse(heap[child + 1], heap[child])) ++child;
    if (!is_worse(heap[child], moved)) break;
    heap[place] = heap[child];
  }
  heap[place] = moved;
}

inline bool any_lane(IntVector mask) {
  uint64_t words[CT_LANES / 2], all = 0;
  memcpy(words, &mask, sizeof mask);
  for (uint64_t word : words) all |= word;
  return all != 0;
}

inline void offer(Candidate* heap, uint32_t k, const float* x, uint32_t index) {
  const Candidate candidate{order_key(x[index]), int32_t(index)};
  if (!is_worse(heap[0], candidate)) return;
  heap[0] = candidate;
  sift_down(heap, k, 0);
}

inline void select(Candidate* heap, uint32_t k, const float* x, uint32_t count) {
  for (uint32_t i = 0; i < k; ++i) heap[i] = {order_key(x[i]), int32_t(i)};
  for (uint32_t i = k / 2; i-- > 0;) sift_down(heap, k, i);
  // Almost no block of a long row reaches the worst candidate, so test whole blocks against it.
  constexpr uint32_t block = 4 * lanes;
  uint32_t c = k;
  for (; uint64_t{c} + block <= count; c += block) {
    const Vector worst = splat(x[heap[0].index]);
    IntVector above = {};
    // Not "x > worst": where the worst is NaN, everything has to be looked at.
    for (uint32_t i = 0; i < block; i += lanes) above |= ~(IntVector)(load(x + c + i) <= worst);
    if (!any_lane(above)) continue;
    for (uint32_t i = c; i < c + block; ++i) offer(heap, k, x, i);
  }
  for (; c < count; ++c) offer(heap, k, x, c);
}

}  // namespace CT_TARGET
}  // namespace ct
