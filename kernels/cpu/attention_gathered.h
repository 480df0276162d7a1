// What query heads have gathered from pages, and how two parts of it come together.
#pragma once
#include "paired.h"

namespace ct {
namespace CT_TARGET {
namespace {

// So many pages are gathered by themselves, and then joined to those before: so that threads can
// share one row's pages, and the sums are the same whether they do or not.
constexpr uint32_t span_pages = 64;

// Of some query heads; rows of `stride` floats in the order of pairs of the values.
struct Gathered {
  float* totals;  // [heads, stride], weighted sum of values
  float* greatest;  // [heads], of the scores
  float* sums;  // [heads], of the weights; 0 where no token was seen
  uint64_t stride;

  // The same from head i on.
  Gathered from(uint64_t i) const { return {totals + i * stride, greatest + i, sums + i, stride}; }

  // Floats that hold so many heads.
  static uint64_t floats(uint64_t heads, uint64_t stride) { return padded(heads * (stride + 2)); }
};

inline Gathered place_gathered(float* memory, uint64_t heads, uint64_t stride) {
  float* const greatest = memory + heads * stride;
  return {memory, greatest, greatest + heads, stride};
}

inline void clear_gathered(const Gathered& to, uint64_t heads) {
  memset(to.totals, 0, heads * to.stride * sizeof(float));
  for (uint64_t i = 0; i < heads; ++i) {
    to.greatest[i] = -__builtin_inff();
    to.sums[i] = 0;
  }
}

// Adds what head i gathered from later pages.
inline void join_gathered(const Gathered& to, const Gathered& from, uint64_t i) {
  if (from.sums[i] == 0) return;
  const float before = to.greatest[i], after = from.greatest[i];
  const float now = before > after ? before : after;
  const float kept = to.sums[i] == 0 ? 0.0f : exponential(before - now);
  const float added = exponential(after - now);
  float* const total = to.totals + i * to.stride;
  for (uint64_t c = 0; c < to.stride; c += lanes) {
    const Vector more = load(from.totals + i * from.stride + c) * added;
    store(total + c, multiply_add(load(total + c), splat(kept), more));
  }
  to.greatest[i] = now;
  to.sums[i] = multiply_add(to.sums[i], kept, from.sums[i] * added);
}

// The result of head i, [size], of values of type T.
template <typename T>
void finish_gathered(float* out, const Gathered& from, uint64_t i, uint32_t size) {
  const float scale = 1.0f / from.sums[i];
  const float* const totals = from.totals + i * from.stride;
  for (uint32_t c = 0; c < size; ++c) out[c] = totals[paired_place<T>(c)] * scale;
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
