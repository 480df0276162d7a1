// One page of keys and values against a few query heads: the arithmetic of attention.
#pragma once
#include "kernel_table.h"
#include "parts.h"
#include "prefetch.h"

namespace ct {
namespace CT_TARGET {
namespace {

// One page in scratch, f32, rows of `stride` elements, zero past the head's size. Only tokens that
// some query sees are there.
struct AttentionPage {
  float* keys;
  float* values;
  uint64_t stride;
};

// Consecutive query heads of one row, and what they have gathered from pages so far.
struct AttentionHeads {
  const float* queries;  // [heads, stride]
  float* scores;  // [heads, CT_PAGE_TOKENS], then weights
  float* totals;  // [heads, stride], weighted sum of values
  float* greatest;  // [heads], of the scores
  float* sums;  // [heads], of the weights
};

// Rows of `size` elements into rows of whole vectors. Asks for as many rows from `later` on, of the
// page that comes next: rows of one kv head lie apart, and pages anywhere.
template <typename T>
void load_page_rows(float* to, uint64_t to_stride, const T* from, const T* later,
                    uint64_t from_stride, uint32_t rows, uint32_t size) {
  const uint32_t whole = size - size % lanes;
  for (uint32_t r = 0; r < rows; ++r) {
    prefetch_bytes(later, size * sizeof(T));
    for (uint32_t c = 0; c < whole; c += lanes) store(to + c, load(from + c));
    if (whole < size) store(to + whole, load_part(from + whole, size - whole));
    to += to_stride;
    from += from_stride;
    later += from_stride;
  }
}

// Heads and tokens whose products are added up together: as many as a vector has lanes.
constexpr uint32_t score_tokens = 4, score_heads = lanes / score_tokens;

// Scores of `heads` heads with score_tokens tokens of the page, from `first` on.
template <uint32_t heads>
inline void score_tile(const AttentionHeads& to, const AttentionPage& page, uint32_t first,
                       float scale) {
  const float* const keys = page.keys + first * page.stride;
  Vector total[lanes] = {};
  for (uint64_t c = 0; c < page.stride; c += lanes) {
    Vector key[score_tokens];
    for (uint32_t t = 0; t < score_tokens; ++t) key[t] = load(keys + t * page.stride + c);
    for (uint32_t h = 0; h < heads; ++h) {
      const Vector query = load(to.queries + h * page.stride + c);
      for (uint32_t t = 0; t < score_tokens; ++t) {
        Vector& sum = total[h * score_tokens + t];
        sum = multiply_add(query, key[t], sum);
      }
    }
  }
  float scores[lanes];
  store(scores, sums(total) * scale);
  for (uint32_t h = 0; h < heads; ++h) {
    memcpy(to.scores + h * CT_PAGE_TOKENS + first, scores + h * score_tokens,
           score_tokens * sizeof(float));
  }
}

// Turns a head's scores into weights relative to the greatest score so far; returns the factor that
// brings what was gathered before to the same footing.
inline float weigh_scores(const AttentionHeads& to, uint32_t h, uint32_t begin, uint32_t end) {
  float* const scores = to.scores + h * CT_PAGE_TOKENS;
  const float hidden = -__builtin_inff();
  for (uint32_t t = 0; t < begin; ++t) scores[t] = hidden;
  for (uint32_t t = end; t < CT_PAGE_TOKENS; ++t) scores[t] = hidden;
  Vector most = load(scores);
  for (uint32_t t = lanes; t < CT_PAGE_TOKENS; t += lanes) most = maximum(load(scores + t), most);
  const float before = to.greatest[h], here = greatest(most), now = before > here ? before : here;
  Vector total{};
  for (uint32_t t = 0; t < CT_PAGE_TOKENS; t += lanes) {
    const Vector weights = exponential(load(scores + t) - now);
    store(scores + t, weights);
    total += weights;
  }
  const float factor = before == now ? 1.0f : exponential(before - now);
  to.greatest[h] = now;
  to.sums[h] = multiply_add(to.sums[h], factor, sum(total));
  return factor;
}

// totals = factors * totals + weights . values, tokens in rising order.
template <uint32_t heads, uint32_t vectors>
inline void gather_values(const AttentionHeads& to, const AttentionPage& page, uint64_t column,
                          const float (&factors)[heads], uint32_t begin, uint32_t end) {
  Vector total[heads][vectors];
  for (uint32_t h = 0; h < heads; ++h) {
    for (uint32_t j = 0; j < vectors; ++j) {
      total[h][j] = load(to.totals + h * page.stride + column + j * lanes) * factors[h];
    }
  }
  for (uint32_t t = begin; t < end; ++t) {
    const float* const values = page.values + t * page.stride + column;
    for (uint32_t h = 0; h < heads; ++h) {
      const Vector weight = splat(to.scores[h * CT_PAGE_TOKENS + t]);
      for (uint32_t j = 0; j < vectors; ++j) {
        total[h][j] = multiply_add(weight, load(values + j * lanes), total[h][j]);
      }
    }
  }
  for (uint32_t h = 0; h < heads; ++h) {
    for (uint32_t j = 0; j < vectors; ++j) {
      store(to.totals + h * page.stride + column + j * lanes, total[h][j]);
    }
  }
}

// Tokens begin ... end - 1 of the page for `heads` heads.
template <uint32_t heads>
void attend_page(const AttentionHeads& to, const AttentionPage& page, uint32_t begin, uint32_t end,
                 float scale) {
  // Whole tiles: what they compute of tokens that are not there is overwritten by weigh_scores().
  for (uint32_t t = begin / score_tokens * score_tokens; t < end; t += score_tokens) {
    score_tile<heads>(to, page, t, scale);
  }
  float factors[heads];
  for (uint32_t h = 0; h < heads; ++h) factors[h] = weigh_scores(to, h, begin, end);
  constexpr uint32_t vectors = heads > 2 ? 4 : 8;
  uint64_t column = 0;
  for (; column + vectors * lanes <= page.stride; column += vectors * lanes) {
    gather_values<heads, vectors>(to, page, column, factors, begin, end);
  }
  for (; column < page.stride; column += lanes) {
    gather_values<heads, 1>(to, page, column, factors, begin, end);
  }
}

// The same for any number of heads.
template <uint32_t heads = score_heads>
void attend_page_heads(const AttentionHeads& to, const AttentionPage& page, uint32_t begin,
                       uint32_t end, float scale, uint32_t count) {
  if (count >= heads) attend_page<heads>(to, page, begin, end, scale);
  if constexpr (heads > 1) {
    if (count < heads) attend_page_heads<heads - 1>(to, page, begin, end, scale, count);
  }
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
