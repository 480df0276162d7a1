// How near each page comes to holding the best key of any query, by the bounds of its keys.
#pragma once
#include "page_table.h"
#include "query_group.h"
#include "wide.h"

CONSTANT uint32_t limits_pages = CT_LIMITS_PAGES;
static_assert(4 * limits_pages == block_size, "four lanes have a page");

// Where a head's bounds of a page are.
struct PageBounds {
  GLOBAL(const float) least;
  GLOBAL(const float) greatest;
};

// What no score of a query with keys within the bounds exceeds, for each head: a lane's quarter of
// the pairs, and 0 where there is no page.
struct HeadLimits {
  float at[most_group_heads];
};

template <bool is_wide>
DEVICE HeadLimits page_limit_parts(SIZES(PageLimitsSizes) sizes, SHARED_POINTER(float) queries,
                                   uint32_t heads, PageBounds bounds, bool has_page,
                                   uint32_t shift, uint32_t part) {
  const uint32_t half_size = sizes.head_size / 2;
  HeadLimits limits = {};
  for (uint32_t i = part * 4; has_page && i < half_size; i += 16) {
    uint4 least[2], greatest[2];
    UNROLL
    for (uint32_t side = 0; side < 2; ++side) {
      const uint32_t from = side * half_size + i;
      least[side] = read_words(bounds.least + from, 0, half_size - i, is_wide);
      greatest[side] = read_words(bounds.greatest + from, 0, half_size - i, is_wide);
    }
    for (uint32_t k = 0; k < 4; ++k) {
      Turn turn = {1.0f, 0.0f};
      if (shift > 0) turn = turned_back(exact_turn(shift, sizes.frequencies[i + k]));
      UNROLL
      for (uint32_t h = 0; h < most_group_heads; ++h) {
        if (h >= heads) continue;
        SHARED_POINTER(float) query = queries + (h * CT_MOST_HEAD_SIZE + i + k);
        const float x = query[0], y = query[most_half_size];
        const float a = x * turn.cosine - y * turn.sine, b = y * turn.cosine + x * turn.sine;
        limits.at[h] += greater(a * wide_of<float>(least[0]).at[k],
                                a * wide_of<float>(greatest[0]).at[k]);
        limits.at[h] += greater(b * wide_of<float>(least[1]).at[k],
                                b * wide_of<float>(greatest[1]).at[k]);
      }
    }
  }
  return limits;
}

// A block has the query heads of a row that share a key head, and limits_pages pages, whose bounds
// it reads once: limits[row, head, e], -infinity where the row sees no page.
KERNEL(page_limits, PageLimitsSizes, BUFFER(0, float, limits), BUFFER(1, const float, q),
       BUFFER(2, const float, bounds), BUFFER(3, const int32_t, positions),
       BUFFER(4, const int32_t, segments), BUFFER(5, const int32_t, pages),
       BUFFER(6, const int32_t, starts), BUFFER(7, const int32_t, shifts)) {
  SHARED(float, queries, group_queries);
  const uint32_t row = BLOCK_X, part = THREAD % 4, e = BLOCK_Z * limits_pages + THREAD / 4;
  const QueryGroup group = query_group(sizes.group, BLOCK_Y);
  const PageList list = page_list(sizes.table, pages, starts, shifts,
                                  segment_of_row(segments, sizes.segments, row));
  share_queries(group, sizes.head_size, queries, q + row * sizes.q_stride, THREAD);
  barrier();
  const bool has_page =
      e < list.width && list.pages[e] >= 0 && list.starts[e] <= positions[row];
  const uint64_t page = has_page ? uint32_t(list.pages[e]) : 0;
  const uint32_t shift = has_page ? uint32_t(list.shifts[e]) : 0;
  GLOBAL(const float) least =
      bounds + (page * sizes.bounds_stride + uint64_t(group.key_head) * sizes.head_size);
  const PageBounds own = {least, least + sizes.bounds_columns / 2};
  const HeadLimits sums =
      sizes.wide
          ? page_limit_parts<true>(sizes, queries, group.count, own, has_page, shift, part)
          : page_limit_parts<false>(sizes, queries, group.count, own, has_page, shift, part);
  GLOBAL(float) to = limits + ((uint64_t(row) * sizes.group.heads + group.first) * list.width + e);
  UNROLL
  for (uint32_t h = 0; h < most_group_heads; ++h) {
    if (h >= group.count) continue;
    float sum = sums.at[h] + shuffle_xor(sums.at[h], 1);
    sum += shuffle_xor(sum, 2);
    if (h % 4 != part || e >= list.width) continue;
    to[uint64_t(h) * list.width] = has_page ? sum * sizes.scale : -infinity();
  }
}

// A block a query head of a row: the greatest of its limits.
KERNEL(greatest_limits, PageScoresSizes, BUFFER(0, float, greatest),
       BUFFER(1, const float, limits)) {
  SHARED(float, parts, block_warps);
  const uint64_t query = uint64_t(BLOCK_X) * sizes.heads + BLOCK_Y;
  float most = -infinity();
  for (uint32_t e = THREAD; e < sizes.width; e += block_size) {
    most = greater(most, limits[query * sizes.width + e]);
  }
  most = block_greatest(most, parts, THREAD);
  if (THREAD == 0) greatest[query] = most;
}

// A thread a page of a segment: the greatest over its rows and heads, each less the greatest of its
// limits.
KERNEL(page_scores, PageScoresSizes, BUFFER(0, float, scores), BUFFER(1, const float, limits),
       BUFFER(2, const float, greatest), BUFFER(3, const int32_t, segments)) {
  const uint32_t segment = BLOCK_X, e = BLOCK_Y * block_size + THREAD;
  if (e >= sizes.width) return;
  const uint64_t begin = uint64_t(uint32_t(segments[segment])) * sizes.heads;
  const uint64_t end = uint64_t(uint32_t(segments[segment + 1])) * sizes.heads;
  float most = -infinity();
  for (uint64_t i = begin; i < end; ++i) {
    const float limit = limits[i * sizes.width + e];
    if (limit > -infinity()) most = greater(most, limit - greatest[i]);
  }
  scores[segment * sizes.scores_stride + e] = most;
}
