// Attention over paged caches: a warp a query head of a row and a span of the table, an online
// softmax page by page; then the spans are joined in their order. What a query gathers, and in
// which order, follows from its table and its position alone.
#pragma once
#include "page_table.h"

CONSTANT uint32_t attention_head_parts = CT_MOST_HEAD_SIZE / warp_size;
CONSTANT uint32_t attention_page = 16;  // tokens; half a warp
CONSTANT uint32_t attention_span = CT_ATTENTION_SPAN;

// What the lanes of a warp share.
struct AttentionShared {
  SHARED_POINTER(float) query;  // [head_size], as it came
  SHARED_POINTER(float) turned;  // back by the shift of the page at hand
  SHARED_POINTER(float) weights;  // [attention_page]
};

// The tokens of a page that the query sees, counted from its first.
struct SeenTokens {
  uint32_t begin, end;
};

DEVICE SeenTokens seen_tokens(PageList list, uint32_t e, uint32_t next, uint32_t position,
                              uint32_t window) {
  const uint32_t lowest = window > 0 && position >= window ? position - window + 1 : 0;
  const uint32_t start = uint32_t(list.starts[e]);
  uint32_t stop = lesser(start + attention_page, position + 1);
  if (next < list.width) stop = lesser(stop, uint32_t(list.starts[next]));
  SeenTokens seen;
  seen.begin = lowest > start ? lowest - start : 0;
  seen.end = stop > start ? stop - start : 0;
  return seen;
}

// Two lanes share a token: each has half of the sum, and both get all of it.
template <typename T>
DEVICE float token_score(SHARED_POINTER(float) query, GLOBAL(const T) keys, uint64_t stride,
                         uint32_t head_size, SeenTokens seen, uint32_t lane) {
  const uint32_t token = lane % attention_page, half_size = head_size / 2;
  const bool is_seen = token >= seen.begin && token < seen.end;
  const uint32_t begin = lane / attention_page * half_size;
  float total = 0.0f;
  for (uint32_t i = begin; is_seen && i < begin + half_size; ++i) {
    total = multiply_add(query[i], to_float(keys[token * stride + i]), total);
  }
  total += shuffle_xor(total, attention_page);
  return is_seen ? total : -infinity();
}

DEVICE void turn_query(AttentionShared shared, SIZES(AttentionSizes) sizes, uint32_t shift,
                       uint32_t lane) {
  const uint32_t half_size = sizes.head_size / 2;
  barrier();  // the last page's may still be read
  for (uint32_t i = lane; i < half_size; i += warp_size) {
    const Turn turn = turned_back(exact_turn(shift, sizes.frequencies[i]));
    const float a = shared.query[i], b = shared.query[half_size + i];
    shared.turned[i] = a * turn.cosine - b * turn.sine;
    shared.turned[half_size + i] = b * turn.cosine + a * turn.sine;
  }
  barrier();
}

// Writes what the pages from entry `first` on to before `end` give: totals[head_size], the weighted
// sum of values, and in `marks` the greatest score and the sum of the weights relative to it.
template <typename T>
DEVICE void attend(SIZES(AttentionSizes) sizes, AttentionShared shared, PageList list,
                   uint32_t first, uint32_t end, GLOBAL(float) out, GLOBAL(float) marks,
                   GLOBAL(const float) q, GLOBAL(const T) keys, GLOBAL(const T) values,
                   uint32_t position, uint32_t lane) {
  for (uint32_t i = lane; i < sizes.head_size; i += warp_size) {
    shared.query[i] = shared.turned[i] = q[i];
  }
  barrier();
  float totals[attention_head_parts];
  UNROLL
  for (uint32_t j = 0; j < attention_head_parts; ++j) totals[j] = 0.0f;
  float greatest = -infinity(), sum = 0.0f;
  uint32_t shift = 0;  // of what is in shared.turned
  for (uint32_t e = next_page(list, first), next = 0; e < end; e = next) {
    next = next_page(list, e + 1);
    if (uint32_t(list.starts[e]) > position) break;
    const SeenTokens seen = seen_tokens(list, e, next, position, sizes.window);
    if (seen.begin >= seen.end) continue;
    if (uint32_t(list.shifts[e]) != shift) {
      shift = uint32_t(list.shifts[e]);
      turn_query(shared, sizes, shift, lane);
    }
    const uint64_t row = uint64_t(uint32_t(list.pages[e])) * attention_page;
    const float score = token_score<T>(shared.turned, keys + row * sizes.keys_stride,
                                       sizes.keys_stride, sizes.head_size, seen, lane) *
                        sizes.scale;
    const float now = greater(greatest, warp_greatest(score));
    const float factor = exp(greatest - now), weight = exp(score - now);
    greatest = now;
    sum = sum * factor + warp_sum(weight) * 0.5f;  // each token is there twice
    if (lane < attention_page) shared.weights[lane] = weight;
    barrier();
    UNROLL
    for (uint32_t j = 0; j < attention_head_parts; ++j) {
      const uint32_t c = j * warp_size + lane;
      if (c >= sizes.head_size) continue;
      totals[j] *= factor;
      for (uint32_t token = seen.begin; token < seen.end; ++token) {
        const float value = to_float(values[(row + token) * sizes.values_stride + c]);
        totals[j] = multiply_add(shared.weights[token], value, totals[j]);
      }
    }
    barrier();
  }
  UNROLL
  for (uint32_t j = 0; j < attention_head_parts; ++j) {
    const uint32_t c = j * warp_size + lane;
    if (c < sizes.head_size) out[c] = totals[j];
  }
  if (lane > 0) return;
  marks[0] = greatest;
  marks[1] = sum;
}

#define ATTENTION_KERNEL(name, T)                                                               \
  KERNEL(name, AttentionSizes, BUFFER(0, float, totals), BUFFER(1, float, marks),               \
         BUFFER(2, const float, q), BUFFER(3, const T, keys), BUFFER(4, const T, values),       \
         BUFFER(5, const int32_t, positions), BUFFER(6, const int32_t, segments),               \
         BUFFER(7, const int32_t, pages), BUFFER(8, const int32_t, starts),                     \
         BUFFER(9, const int32_t, shifts)) {                                                    \
    SHARED(float, query, CT_MOST_HEAD_SIZE);                                                    \
    SHARED(float, turned, CT_MOST_HEAD_SIZE);                                                   \
    SHARED(float, weights, attention_page);                                                     \
    const uint32_t row = BLOCK_X, head = BLOCK_Y;                                               \
    const uint32_t segment = segment_of_row(segments, sizes.segments, row);                     \
    const PageList list = page_list(sizes.table, pages, starts, shifts, segment);               \
    const AttentionShared shared = {query, turned, weights};                                    \
    const uint64_t column = uint64_t(head) * sizes.head_size;                                   \
    const uint64_t kv_column = uint64_t(head / sizes.group) * sizes.head_size;                  \
    const uint64_t part = (uint64_t(row) * sizes.heads + head) * sizes.spans + BLOCK_Z;         \
    const uint32_t first = BLOCK_Z * attention_span;                                            \
    attend<T>(sizes, shared, list, first, lesser(first + attention_span, list.width),           \
              totals + part * sizes.head_size, marks + part * 2,                                \
              q + (row * sizes.q_stride + column), keys + kv_column, values + kv_column,        \
              uint32_t(positions[row]), THREAD);                                                \
  }

ATTENTION_KERNEL(attention_f32, float)
ATTENTION_KERNEL(attention_bf16, bf16)

// A warp a query head of a row: joins its spans. One that saw no token has no weight.
KERNEL(join_attention, JoinAttentionSizes, BUFFER(0, float, out), BUFFER(1, const float, totals),
       BUFFER(2, const float, marks)) {
  const uint32_t row = BLOCK_X, head = BLOCK_Y;
  const uint64_t first = (uint64_t(row) * sizes.heads + head) * sizes.spans;
  float greatest = -infinity(), sum = 0.0f;
  for (uint32_t i = 0; i < sizes.spans; ++i) {
    greatest = greater(greatest, marks[(first + i) * 2]);
  }
  for (uint32_t i = 0; i < sizes.spans; ++i) {
    sum += marks[(first + i) * 2 + 1] * exp(marks[(first + i) * 2] - greatest);
  }
  for (uint32_t c = THREAD; c < sizes.head_size; c += warp_size) {
    float total = 0.0f;
    for (uint32_t i = 0; i < sizes.spans; ++i) {
      const float factor = exp(marks[(first + i) * 2] - greatest);
      total = multiply_add(totals[(first + i) * sizes.head_size + c], factor, total);
    }
    out[row * sizes.out_stride + uint64_t(head) * sizes.head_size + c] = total / sum;
  }
}
