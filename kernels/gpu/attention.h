// Attention over paged caches. A block has the query heads of a row that share a key head, and a
// span of the table, whose keys and values it reads once: the scores of the span, their softmax,
// the weighted sums of values. join_attention.h joins the spans. What a query gathers, and in which
// order, follows from its table and its position alone.
#pragma once
#include "attention_scores.h"
#include "attention_span.h"
#include "attention_values.h"

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
    if (!list_span(shared, list, BLOCK_Z * attention_span, uint32_t(positions[row]),            \
                   sizes.window, THREAD)) {                                                     \
      if (THREAD >= group.count) return;                                                        \
      own_marks[uint64_t(THREAD) * sizes.spans * 2] = -infinity();                              \
      own_marks[uint64_t(THREAD) * sizes.spans * 2 + 1] = 0.0f;                                 \
      return;                                                                                   \
    }                                                                                           \
    share_queries(group, sizes.head_size, queries, q + row * sizes.q_stride, THREAD);           \
    barrier();                                                                                  \
    GLOBAL(float) own_totals = totals + part * sizes.head_size;                                 \
    const uint64_t column = uint64_t(group.key_head) * sizes.head_size;                         \
    if (sizes.wide) {                                                                           \
      attend_span<true, T>(sizes, shared, group.count, own_totals, own_marks, keys + column,    \
                           values + column, THREAD);                                            \
    } else {                                                                                    \
      attend_span<false, T>(sizes, shared, group.count, own_totals, own_marks, keys + column,   \
                            values + column, THREAD);                                           \
    }                                                                                           \
  }

ATTENTION_KERNEL(attention_f32, float)
ATTENTION_KERNEL(attention_bf16, bf16)
