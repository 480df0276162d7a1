// The scores of a span and their softmax. Each key is read once for all query heads.
#pragma once
#include "attention_span.h"
#include "wide.h"

// The scores of the tokens of a page. A lane has a quarter of the pairs of two tokens' keys, which
// it turns by the page's shift, as turning all queries back comes to the same.
template <bool is_wide, typename T>
DEVICE void score_page(SIZES(AttentionSizes) sizes, AttentionShared shared, uint32_t heads,
                       GLOBAL(const T) keys, SeenPage page, uint32_t entry,
                       SHARED_POINTER(float) turns, uint32_t lane) {
  constexpr uint32_t each = 16 / sizeof(T);
  const uint32_t half_size = sizes.head_size / 2, part = lane % 4, token = lane / 4;
  float sums[2][most_group_heads] = {};
  for (uint32_t i = part * each; page.end > 0 && i < half_size; i += 4 * each) {
    uint4 first[2], second[2];
    UNROLL
    for (uint32_t t = 0; t < 2; ++t) {
      const uint32_t own = token + t * attention_rows;
      const uint32_t count = sees(page, own) ? half_size - i : 0;
      GLOBAL(const T) from = keys + ((uint64_t(page.row) + own) * sizes.keys_stride + i);
      first[t] = read_words(from, 0, count, is_wide);
      second[t] = read_words(from + half_size, 0, count, is_wide);
    }
    float a[2][each], b[2][each];
    UNROLL
    for (uint32_t t = 0; t < 2; ++t) {
      UNROLL
      for (uint32_t k = 0; k < each; ++k) {
        a[t][k] = wide_of<T>(first[t]).at[k];
        b[t][k] = wide_of<T>(second[t]).at[k];
      }
    }
    UNROLL
    for (uint32_t k = 0; k < each; ++k) {
      if (page.shift == 0) continue;
      const float cosine = turns[2 * (i + k)], sine = turns[2 * (i + k) + 1];
      UNROLL
      for (uint32_t t = 0; t < 2; ++t) {
        const float turned = a[t][k] * cosine - b[t][k] * sine;
        b[t][k] = b[t][k] * cosine + a[t][k] * sine;
        a[t][k] = turned;
      }
    }
    UNROLL
    for (uint32_t h = 0; h < most_group_heads; ++h) {
      if (h >= heads) continue;
      SHARED_POINTER(float) query = shared.queries + (h * CT_MOST_HEAD_SIZE + i);
      UNROLL
      for (uint32_t word = 0; word < each; word += 4) {
        const uint4 x = load_wide(query + word), y = load_wide(query + (most_half_size + word));
        UNROLL
        for (uint32_t k = 0; k < 4; ++k) {
          const float q_a = wide_of<float>(x).at[k], q_b = wide_of<float>(y).at[k];
          UNROLL
          for (uint32_t t = 0; t < 2; ++t) {
            sums[t][h] = multiply_add(q_a, a[t][word + k], sums[t][h]);
            sums[t][h] = multiply_add(q_b, b[t][word + k], sums[t][h]);
          }
        }
      }
    }
  }
  UNROLL
  for (uint32_t h = 0; h < most_group_heads; ++h) {
    if (h >= heads) continue;
    UNROLL
    for (uint32_t t = 0; t < 2; ++t) {
      const uint32_t own = token + t * attention_rows;
      float sum = sums[t][h] + shuffle_xor(sums[t][h], 1);
      sum += shuffle_xor(sum, 2);
      if (h % 4 != part) continue;
      shared.weights[(entry * attention_page + own) * most_group_heads + h] =
          sees(page, own) ? sum * sizes.scale : -infinity();
    }
  }
}

// The scores of the span: a warp has each fourth page.
template <bool is_wide, typename T>
DEVICE void score_span(SIZES(AttentionSizes) sizes, AttentionShared shared, uint32_t heads,
                       GLOBAL(const T) keys, uint32_t thread_index) {
  const uint32_t warp = thread_index / warp_size, lane = thread_index % warp_size;
  SHARED_POINTER(float) turns = shared.turns + warp * CT_MOST_HEAD_SIZE;
  for (uint32_t first = 0; first < attention_span; first += block_warps) {
    bool turns_any = false;
    for (uint32_t i = 0; i < block_warps; ++i) turns_any |= shared.pages[first + i].shift > 0;
    const SeenPage page = shared.pages[first + warp];
    if (turns_any) {
      // No lane still reads those of the page before: they have met at its shuffles.
      for (uint32_t i = lane; page.shift > 0 && i < shared_pairs(sizes.head_size);
           i += warp_size) {
        const Turn turn = exact_turn(page.shift, sizes.frequencies[i]);
        turns[2 * i] = turn.cosine;
        turns[2 * i + 1] = turn.sine;
      }
      barrier();
    }
    score_page<is_wide, T>(sizes, shared, heads, keys, page, first + warp, turns, lane);
  }
}

// Makes weights of the scores, relative to the greatest of the span; writes that and their sum, for
// each head, to marks[heads, spans, 2]. A thread has each 16th token of a head.
DEVICE void weigh_span(SIZES(AttentionSizes) sizes, AttentionShared shared, uint32_t heads,
                       GLOBAL(float) marks, uint32_t thread_index) {
  constexpr uint32_t step = block_size / most_group_heads;
  const uint32_t warp = thread_index / warp_size, head = thread_index % most_group_heads;
  const uint32_t first = thread_index / most_group_heads;
  const bool is_first = thread_index % warp_size < most_group_heads;
  SHARED_POINTER(float) own = shared.weights + head;
  SHARED_POINTER(float) greatest_parts = shared.parts + head;
  SHARED_POINTER(float) sum_parts = shared.parts + (block_warps * most_group_heads + head);
  float greatest = -infinity(), sum = 0.0f;
  for (uint32_t token = first; head < heads && token < attention_tokens; token += step) {
    greatest = greater(greatest, own[token * most_group_heads]);
  }
  for (uint32_t mask = most_group_heads; mask < warp_size; mask *= 2) {
    greatest = greater(greatest, shuffle_xor(greatest, mask));
  }
  if (is_first) greatest_parts[warp * most_group_heads] = greatest;
  barrier();
  for (uint32_t i = 0; i < block_warps; ++i) {
    greatest = greater(greatest, greatest_parts[i * most_group_heads]);
  }
  for (uint32_t token = first; head < heads && token < attention_tokens; token += step) {
    const float weight = exp(own[token * most_group_heads] - greatest);
    own[token * most_group_heads] = weight;
    sum += weight;
  }
  for (uint32_t mask = most_group_heads; mask < warp_size; mask *= 2) {
    sum += shuffle_xor(sum, mask);
  }
  if (is_first) sum_parts[warp * most_group_heads] = sum;
  barrier();
  if (thread_index >= heads) return;
  float total = 0.0f;
  for (uint32_t i = 0; i < block_warps; ++i) total += sum_parts[i * most_group_heads];
  marks[uint64_t(head) * sizes.spans * 2] = greatest;
  marks[uint64_t(head) * sizes.spans * 2 + 1] = total;
}
