// Attention over paged caches. A block has the query heads of a row that share a key head, and a
// span of the table, whose keys and values it reads once: the scores of the span, their softmax,
// the weighted sums of values. join_attention.h joins the spans. What a query gathers, and in which
// order, follows from its table and its position alone.
#pragma once
#include "page_table.h"
#include "query_group.h"
#include "wide_numbers.h"

CONSTANT uint32_t attention_page = 16;  // tokens
CONSTANT uint32_t attention_span = CT_ATTENTION_SPAN;
CONSTANT uint32_t attention_tokens = attention_span * attention_page;
// The lanes of a warp are 8 rows of 4, and each row has two tokens of a page.
CONSTANT uint32_t attention_rows = 8;
static_assert(attention_page == 2 * attention_rows && warp_size == 4 * attention_rows,
              "a row of lanes has two tokens");

// What a row sees of an entry's page: its tokens `begin` ... `end` - 1; none where `end` is 0.
struct SeenPage {
  uint32_t row;  // of the caches, where the page begins
  uint32_t begin, end, shift;
};

// What the threads of a block share.
struct AttentionShared {
  SHARED_POINTER(SeenPage) pages;  // [attention_span]
  SHARED_POINTER(float) queries;  // as share_queries() has it
  SHARED_POINTER(float) turns;  // [block_warps, most_half_size, 2], by the shift of a warp's page
  SHARED_POINTER(float) weights;  // [attention_tokens, most_group_heads], scores at first
  SHARED_POINTER(float) parts;  // [2, block_warps, most_group_heads]
};

DEVICE SeenPage seen_page(PageList list, uint32_t e, uint32_t position, uint32_t window) {
  const SeenPage none = {0, 0, 0, 0};
  if (e >= list.width || list.pages[e] < 0) return none;
  const uint32_t lowest = window > 0 && position >= window ? position - window + 1 : 0;
  const uint32_t start = uint32_t(list.starts[e]), next = next_page(list, e + 1);
  uint32_t stop = lesser(start + attention_page, position + 1);
  if (next < list.width) stop = lesser(stop, uint32_t(list.starts[next]));
  if (stop <= start || stop <= lowest) return none;
  SeenPage seen;
  seen.row = uint32_t(list.pages[e]) * attention_page;
  seen.begin = lowest > start ? lowest - start : 0;
  seen.end = stop - start;
  seen.shift = uint32_t(list.shifts[e]);
  return seen;
}

DEVICE bool sees(SeenPage page, uint32_t token) { return token >= page.begin && token < page.end; }

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
      first[t] = load_numbers<is_wide, T>(from, count);
      second[t] = load_numbers<is_wide, T>(from + half_size, count);
    }
    float a[2][each], b[2][each];
    UNROLL
    for (uint32_t t = 0; t < 2; ++t) {
      UNROLL
      for (uint32_t k = 0; k < each; ++k) {
        a[t][k] = wide_number<T>(first[t], k);
        b[t][k] = wide_number<T>(second[t], k);
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
          const float q_a = wide_number<float>(x, k), q_b = wide_number<float>(y, k);
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

template <uint32_t count>
struct RowNumbers {
  float at[count];
};

// Adds the numbers that the rows of a warp's lanes bring; a lane gets one of their sums, that in
// place_of_sum(). In each step a lane gives away half of what it has.
template <uint32_t count>
DEVICE float sum_of_rows(RowNumbers<count> numbers, uint32_t lane) {
  UNROLL
  for (uint32_t step = 1; step < attention_rows; step *= 2) {
    const uint32_t mask = 4 * step, kept = count / 2 / step;
    UNROLL
    for (uint32_t k = 0; k < (kept > 0 ? kept : 1); ++k) {
      const float lower = numbers.at[k], upper = kept > 0 ? numbers.at[k + kept] : lower;
      const bool is_upper = (lane & mask) != 0;
      numbers.at[k] = (is_upper ? upper : lower) + shuffle_xor(is_upper ? lower : upper, mask);
    }
  }
  return numbers.at[0];
}

// Which of its numbers sum_of_rows() gives a lane.
template <uint32_t count>
DEVICE uint32_t place_of_sum(uint32_t lane) {
  uint32_t place = 0;
  for (uint32_t kept = count / 2, mask = 4; kept > 0; kept /= 2, mask *= 2) {
    if (lane & mask) place += kept;
  }
  return place;
}

// A lane's values of two tokens of a page.
struct TokenValues {
  uint4 at[2];
};

template <bool is_wide, typename T>
DEVICE TokenValues load_values(SIZES(AttentionSizes) sizes, GLOBAL(const T) values, SeenPage page,
                               uint32_t token, uint32_t column) {
  TokenValues loaded;
  UNROLL
  for (uint32_t t = 0; t < 2; ++t) {
    const uint32_t own = token + t * attention_rows;
    const bool reads = sees(page, own) && column < sizes.head_size;
    GLOBAL(const T) from = values + ((uint64_t(page.row) + own) * sizes.values_stride + column);
    loaded.at[t] = load_numbers<is_wide, T>(from, reads ? sizes.head_size - column : 0);
  }
  return loaded;
}

// The weighted sums of values of the span, totals[heads, spans, head_size]: a warp has each fourth
// run of columns, and a row of its lanes two tokens of each page. The next page's are loaded while
// this one's are added.
template <bool is_wide, typename T>
DEVICE void add_values(SIZES(AttentionSizes) sizes, AttentionShared shared, uint32_t heads,
                       GLOBAL(float) totals, GLOBAL(const T) values, uint32_t thread_index) {
  constexpr uint32_t each = 16 / sizeof(T);
  const uint32_t warp = thread_index / warp_size, lane = thread_index % warp_size;
  const uint32_t token = lane / 4;
  for (uint32_t run = warp; run * 4 * each < sizes.head_size; run += block_warps) {
    const uint32_t column = (run * 4 + lane % 4) * each;
    RowNumbers<each> sums[most_group_heads] = {};
    TokenValues next = load_values<is_wide, T>(sizes, values, shared.pages[0], token, column);
    for (uint32_t entry = 0; entry < attention_span; ++entry) {
      const TokenValues own = next;
      if (entry + 1 < attention_span) {
        next = load_values<is_wide, T>(sizes, values, shared.pages[entry + 1], token, column);
      }
      if (shared.pages[entry].end == 0) continue;
      UNROLL
      for (uint32_t t = 0; t < 2; ++t) {
        const uint32_t place = entry * attention_page + token + t * attention_rows;
        SHARED_POINTER(float) weights = shared.weights + place * most_group_heads;
        const uint4 first = load_wide(weights), second = load_wide(weights + 4);
        UNROLL
        for (uint32_t h = 0; h < most_group_heads; ++h) {
          if (h >= heads) continue;
          const float weight = wide_number<float>(h < 4 ? first : second, h % 4);
          UNROLL
          for (uint32_t k = 0; k < each; ++k) {
            sums[h].at[k] = multiply_add(weight, wide_number<T>(own.at[t], k), sums[h].at[k]);
          }
        }
      }
    }
    const uint32_t own_column = column + place_of_sum<each>(lane);
    UNROLL
    for (uint32_t h = 0; h < most_group_heads; ++h) {
      if (h >= heads) continue;
      const float sum = sum_of_rows<each>(sums[h], lane);
      if (own_column >= sizes.head_size) continue;
      totals[uint64_t(h) * sizes.spans * sizes.head_size + own_column] = sum;
    }
  }
}

// The entries of the span, as the row sees them. False, for the whole block, where it sees none.
DEVICE bool list_span(AttentionShared shared, PageList list, uint32_t first, uint32_t position,
                      uint32_t window, uint32_t thread_index) {
  if (thread_index < attention_span) {
    shared.pages[thread_index] = seen_page(list, first + thread_index, position, window);
  }
  barrier();
  bool sees_any = false;
  for (uint32_t i = 0; i < attention_span; ++i) sees_any |= shared.pages[i].end > 0;
  return sees_any;
}

template <bool is_wide, typename T>
DEVICE void attend_span(SIZES(AttentionSizes) sizes, AttentionShared shared, uint32_t heads,
                        GLOBAL(float) totals, GLOBAL(float) marks, GLOBAL(const T) keys,
                        GLOBAL(const T) values, uint32_t thread_index) {
  score_span<is_wide, T>(sizes, shared, heads, keys, thread_index);
  barrier();
  weigh_span(sizes, shared, heads, marks, thread_index);
  add_values<is_wide, T>(sizes, shared, heads, totals, values, thread_index);
}

// A span without weight has a sum of 0 in marks[rows, heads, spans, 2], and no totals.
#define ATTENTION_KERNEL(name, T)                                                               \
  KERNEL(name, AttentionSizes, BUFFER(0, float, totals), BUFFER(1, float, marks),               \
         BUFFER(2, const float, q), BUFFER(3, const T, keys), BUFFER(4, const T, values),       \
         BUFFER(5, const int32_t, positions), BUFFER(6, const int32_t, segments),               \
         BUFFER(7, const int32_t, pages), BUFFER(8, const int32_t, starts),                     \
         BUFFER(9, const int32_t, shifts)) {                                                    \
    SHARED(SeenPage, seen, attention_span);                                                     \
    SHARED(float, queries, group_queries);                                                      \
    SHARED(float, turns, block_warps * CT_MOST_HEAD_SIZE);                                      \
    SHARED(float, weights, attention_tokens * most_group_heads);                                \
    SHARED(float, parts, 2 * block_warps * most_group_heads);                                   \
    const AttentionShared shared = {seen, queries, turns, weights, parts};                      \
    const uint32_t row = sizes.first_row + BLOCK_X;                                             \
    const QueryGroup group = query_group(sizes.group, BLOCK_Y);                                 \
    const PageList list = page_list(sizes.table, pages, starts, shifts,                         \
                                    segment_of_row(segments, sizes.segments, row));             \
    const uint64_t part = (uint64_t(BLOCK_X) * sizes.group.heads + group.first) * sizes.spans + \
                          BLOCK_Z;                                                              \
    GLOBAL(float) own_marks = marks + part * 2;                                                 \
    share_queries(group, sizes.head_size, queries, q + row * sizes.q_stride, THREAD);           \
    if (!list_span(shared, list, BLOCK_Z * attention_span, uint32_t(positions[row]),            \
                   sizes.window, THREAD)) {                                                     \
      if (THREAD >= group.count) return;                                                        \
      own_marks[uint64_t(THREAD) * sizes.spans * 2] = -infinity();                              \
      own_marks[uint64_t(THREAD) * sizes.spans * 2 + 1] = 0.0f;                                 \
      return;                                                                                   \
    }                                                                                           \
    GLOBAL(float) own_totals = totals + part * sizes.head_size;                                 \
    const uint64_t column = uint64_t(group.key_head) * sizes.head_size;                         \
    if (sizes.is_wide) {                                                                        \
      attend_span<true, T>(sizes, shared, group.count, own_totals, own_marks, keys + column,    \
                           values + column, THREAD);                                            \
    } else {                                                                                    \
      attend_span<false, T>(sizes, shared, group.count, own_totals, own_marks, keys + column,   \
                            values + column, THREAD);                                           \
    }                                                                                           \
  }

ATTENTION_KERNEL(attention_f32, float)
ATTENTION_KERNEL(attention_bf16, bf16)
