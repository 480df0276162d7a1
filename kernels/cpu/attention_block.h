// A few pages of keys and values against a few query heads: the arithmetic of attention.
#pragma once
#include "attention_gathered.h"
#include "head_scores.h"
#include "kernel_table.h"
#include "prefetch.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Pages whose scores are weighed together, so that what that takes is shared. They lie in one
// aligned stretch of positions: so what a query gathers does not depend on where a list begins.
constexpr uint32_t block_pages = 4, block_tokens = block_pages * CT_PAGE_TOKENS;

// One page of one kv head in the caches, of which a query sees tokens begin ... end - 1.
template <typename T>
struct AttentionPage {
  const T *keys, *values;
  const T *later_keys, *later_values;  // of a page that is needed later, and so is asked for
  uint32_t begin, end;
};

template <typename T>
struct AttentionBlock {
  AttentionPage<T> pages[block_pages];
  uint32_t count;
  uint64_t keys_stride, values_stride;  // between tokens
  uint32_t size;  // of a head
  float scale;
};

// Consecutive query heads of one row, and what they have gathered before.
struct AttentionHeads {
  ScoreQueries queries;
  float* scores;  // [heads, block_tokens], then weights
  Gathered gathered;
};

// Scores of one page; of tokens that are not seen, whatever their memory holds, -infinity.
template <uint32_t heads, typename T>
CT_ALWAYS_INLINE void score_page(const AttentionHeads& to, const AttentionBlock<T>& block,
                                 uint32_t number) {
  const AttentionPage<T>& page = block.pages[number];
  const T *rows[1][CT_PAGE_TOKENS], *later[1][CT_PAGE_TOKENS];
  for (uint32_t t = 0; t < CT_PAGE_TOKENS; ++t) {
    rows[0][t] = page.keys + t * block.keys_stride;
    later[0][t] = page.later_keys + t * block.keys_stride;
  }
  float* const scores = to.scores + number * CT_PAGE_TOKENS;
  score_rows_of<heads, T, 1>(scores, block_tokens, {to.queries}, rows, later, block.size,
                             block.scale);
  const auto hide = [&](uint32_t t) {
    for (uint32_t h = 0; h < heads; ++h) scores[h * block_tokens + t] = -__builtin_inff();
  };
  for (uint32_t t = 0; t < page.begin; ++t) hide(t);
  for (uint32_t t = page.end; t < CT_PAGE_TOKENS; ++t) hide(t);
}

// Turns a head's `count` scores into weights relative to the greatest score so far; returns the
// factor that brings what was gathered before to the same footing.
inline float weigh_scores(const AttentionHeads& to, uint32_t h, uint32_t count) {
  float* const scores = to.scores + h * block_tokens;
  Vector most = load(scores);
  for (uint32_t t = lanes; t < count; t += lanes) most = maximum(load(scores + t), most);
  const float before = to.gathered.greatest[h], here = greatest(most);
  const float now = before > here ? before : here;
  Vector total{};
  for (uint32_t t = 0; t < count; t += lanes) {
    const Vector weights = exponential(load(scores + t) - now);
    store(scores + t, weights);
    total += weights;
  }
  const float factor = before == now ? 1.0f : exponential(before - now);
  to.gathered.greatest[h] = now;
  to.gathered.sums[h] = multiply_add(to.gathered.sums[h], factor, sum(total));
  return factor;
}

// Adds weights . values of one token, of `pairs` pairs of elements.
template <uint32_t heads, uint32_t pairs, typename T>
CT_ALWAYS_INLINE void add_values(Vector (&total)[heads][2 * pairs], const float* weights,
                                 const T* values) {
  Vector weight[heads];
  for (uint32_t h = 0; h < heads; ++h) weight[h] = splat(weights[h * block_tokens]);
  for (uint32_t j = 0; j < pairs; ++j) {
    const Vector first = load_half<0>(values + j * pair_lanes);
    for (uint32_t h = 0; h < heads; ++h) {
      total[h][2 * j] = multiply_add(weight[h], first, total[h][2 * j]);
    }
    const Vector second = load_half<1>(values + j * pair_lanes);
    for (uint32_t h = 0; h < heads; ++h) {
      total[h][2 * j + 1] = multiply_add(weight[h], second, total[h][2 * j + 1]);
    }
  }
}

// totals = factors * totals + weights . values, tokens in rising order, from `column` on, where
// `count` elements are left.
template <uint32_t heads, uint32_t pairs, typename T>
CT_ALWAYS_INLINE void gather_values(const AttentionHeads& to, const AttentionBlock<T>& block,
                                    const float (&factors)[heads], uint64_t column,
                                    uint64_t count) {
  float* const totals = to.gathered.totals + column;
  Vector total[heads][2 * pairs];
  for (uint32_t h = 0; h < heads; ++h) {
    for (uint32_t j = 0; j < 2 * pairs; ++j) {
      total[h][j] = load(totals + h * to.gathered.stride + j * lanes) * factors[h];
    }
  }
  for (uint32_t p = 0; p < block.count; ++p) {
    const AttentionPage<T>& page = block.pages[p];
    for (uint32_t t = page.begin; t < page.end; ++t) {
      const uint64_t row = t * block.values_stride + column;
      prefetch_bytes(page.later_values + row, pairs * pair_lanes * sizeof(T));
      const T* values = page.values + row;
      T part[pair_lanes];
      if (pairs == 1 && count < pair_lanes) values = copy_part(part, values, count);
      add_values<heads, pairs>(total, to.scores + p * CT_PAGE_TOKENS + t, values);
    }
  }
  for (uint32_t h = 0; h < heads; ++h) {
    for (uint32_t j = 0; j < 2 * pairs; ++j) {
      store(totals + h * to.gathered.stride + j * lanes, total[h][j]);
    }
  }
}

template <uint32_t heads, typename T>
void attend_block(const AttentionHeads& to, const AttentionBlock<T>& block) {
  for (uint32_t p = 0; p < block.count; ++p) score_page<heads>(to, block, p);
  float factors[heads];
  for (uint32_t h = 0; h < heads; ++h) {
    factors[h] = weigh_scores(to, h, block.count * CT_PAGE_TOKENS);
  }
  constexpr uint32_t pairs = 2;
  uint32_t column = 0;
  for (; column + pairs * pair_lanes <= block.size; column += pairs * pair_lanes) {
    gather_values<heads, pairs>(to, block, factors, column, pairs * pair_lanes);
  }
  for (; column < block.size; column += pair_lanes) {
    gather_values<heads, 1>(to, block, factors, column, block.size - column);
  }
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
