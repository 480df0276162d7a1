// Products of a few query heads with CT_PAGE_TOKENS rows, such as the keys of a page.
#pragma once
#include "paired.h"
#include "prefetch.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Sums of products stay in registers: so many heads with so many rows at a time.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr uint32_t score_heads = 6;
#else
constexpr uint32_t score_heads = 2;
#endif
constexpr uint32_t score_rows = 2;
static_assert(CT_PAGE_TOKENS % lanes == 0 && CT_PAGE_TOKENS % score_rows == 0, "whole vectors");

// Queries of consecutive heads, in the order of pairs of their keys, zero past the head's size.
struct ScoreQueries {
  const float* first;
  uint64_t stride;  // from one to the next
};

// Adds what the pairs of elements at `queries` and `rows` give.
template <uint32_t heads, uint32_t half, typename T>
CT_ALWAYS_INLINE void add_products(Vector (&total)[heads][score_rows], const float* queries,
                                   uint64_t stride, const T* const (&rows)[score_rows]) {
  Vector query[heads];
  for (uint32_t h = 0; h < heads; ++h) query[h] = load(queries + h * stride + half * lanes);
  for (uint32_t r = 0; r < score_rows; ++r) {

    const Vector key = load_half<half>(rows[r]);
    for (uint32_t h = 0; h < heads; ++h) total[h][r] = multiply_add(query[h], key, total[h][r]);
  }
}

template <uint32_t heads, typename T>
CT_ALWAYS_INLINE void add_rows(Vector (&total)[heads][score_rows], const ScoreQueries& queries,
                               const T* const* rows, uint32_t size) {
  const uint32_t whole = size - size % pair_lanes;
  for (uint32_t c = 0; c < whole; c += pair_lanes) {
    const T* at[score_rows];
    for (uint32_t r = 0; r < score_rows; ++r) at[r] = rows[r] + c;
    add_products<heads, 0>(total, queries.first + c, queries.stride, at);
    add_products<heads, 1>(total, queries.first + c, queries.stride, at);
  }
  if (whole == size) return;
  T parts[score_rows][pair_lanes];
  const T* at[score_rows];
  for (uint32_t r = 0; r < score_rows; ++r) {
    at[r] = copy_part(parts[r], rows[r] + whole, size - whole);
  }
  add_products<heads, 0>(total, queries.first + whole, queries.stride, at);
  add_products<heads, 1>(total, queries.first + whole, queries.stride, at);
}

// Writes scores[heads][CT_PAGE_TOKENS], `score_stride` floats apart, of heads with rows of `size`
// elements. Where there are second queries, theirs with the second rows are added. Asks for the
// rows `later`, a few at a time, as only so many lines can be on their way at once.
template <uint32_t heads, typename T, uint32_t parts>
void score_rows_of(float* scores, uint64_t score_stride, const ScoreQueries (&queries)[parts],
                   const T* const (&rows)[parts][CT_PAGE_TOKENS],
                   const T* const (&later)[parts][CT_PAGE_TOKENS], uint32_t size, float scale) {
  Vector totals[heads][CT_PAGE_TOKENS];
  for (uint32_t t = 0; t < CT_PAGE_TOKENS; t += score_rows) {
    Vector total[heads][score_rows] = {};
    for (uint32_t p = 0; p < parts; ++p) {
      for (uint32_t r = 0; r < score_rows; ++r) prefetch_bytes(later[p][t + r], size * sizeof(T));
      add_rows<heads>(total, queries[p], rows[p] + t, size);
    }
    for (uint32_t h = 0; h < heads; ++h) {
      for (uint32_t r = 0; r < score_rows; ++r) totals[h][t + r] = total[h][r];
    }
  }
  for (uint32_t h = 0; h < heads; ++h) {
    for (uint32_t t = 0; t < CT_PAGE_TOKENS; t += lanes) {
      const auto& some = *reinterpret_cast<const Vector(*)[lanes]>(totals[h] + t);
      store(scores + h * score_stride + t, sums(some) * scale);
    }
  }
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
