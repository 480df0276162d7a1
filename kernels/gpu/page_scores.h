// How near each page comes to holding the best key of any query, by the bounds of its keys.
#pragma once
#include "page_table.h"

// What no score of a query with keys within bounds exceeds; a warp's sum.
DEVICE float page_limit(SIZES(PageLimitsSizes) sizes, GLOBAL(const float) query,
                        GLOBAL(const float) least, uint32_t shift, uint32_t lane) {
  const uint32_t half_size = sizes.head_size / 2;
  GLOBAL(const float) greatest = least + sizes.bounds_columns / 2;
  float total = 0.0f;
  for (uint32_t i = lane; i < half_size; i += warp_size) {
    float a = query[i], b = query[half_size + i];
    if (shift > 0) {
      const Turn turn = turned_back(exact_turn(shift, sizes.frequencies[i]));
      const float turned = a * turn.cosine - b * turn.sine;
      b = b * turn.cosine + a * turn.sine;
      a = turned;
    }
    total += greater(a * least[i], a * greatest[i]);
    total += greater(b * least[half_size + i], b * greatest[half_size + i]);
  }
  return warp_sum(total) * sizes.scale;
}

// A block a query head of a row: limits[row, head, e] of each page, less the greatest of them, and
// -infinity where the row sees no page.
KERNEL(page_limits, PageLimitsSizes, BUFFER(0, float, limits), BUFFER(1, const float, q),
       BUFFER(2, const float, bounds), BUFFER(3, const int32_t, positions),
       BUFFER(4, const int32_t, segments), BUFFER(5, const int32_t, pages),
       BUFFER(6, const int32_t, starts), BUFFER(7, const int32_t, shifts)) {
  SHARED(float, parts, block_warps);
  const uint32_t row = BLOCK_X, head = BLOCK_Y, lane = THREAD % warp_size;
  const uint32_t segment = segment_of_row(segments, sizes.segments, row);
  const PageList list = page_list(sizes.table, pages, starts, shifts, segment);
  GLOBAL(const float) query = q + (row * sizes.q_stride + uint64_t(head) * sizes.head_size);
  GLOBAL(const float) extents = bounds + uint64_t(head / sizes.group) * sizes.head_size;
  GLOBAL(float) to = limits + (uint64_t(row) * sizes.heads + head) * list.width;
  float most = -infinity();
  for (uint32_t e = THREAD / warp_size; e < list.width; e += block_warps) {
    float limit = -infinity();
    if (list.pages[e] >= 0 && list.starts[e] <= positions[row]) {
      GLOBAL(const float) least = extents + uint32_t(list.pages[e]) * sizes.bounds_stride;
      limit = page_limit(sizes, query, least, uint32_t(list.shifts[e]), lane);
    }
    if (lane == 0) to[e] = limit;
    most = greater(most, limit);
  }
  most = block_greatest(most, parts, THREAD);
  for (uint32_t e = THREAD; e < list.width; e += block_size) {
    const float limit = to[e];
    to[e] = limit > -infinity() ? limit - most : limit;
  }
}

// A thread a page of a segment: the greatest over its rows and heads.
KERNEL(page_scores, PageScoresSizes, BUFFER(0, float, scores), BUFFER(1, const float, limits),
       BUFFER(2, const int32_t, segments)) {
  const uint32_t segment = BLOCK_X, e = BLOCK_Y * block_size + THREAD;
  if (e >= sizes.width) return;
  const uint64_t begin = uint64_t(uint32_t(segments[segment])) * sizes.heads;
  const uint64_t end = uint64_t(uint32_t(segments[segment + 1])) * sizes.heads;
  float most = -infinity();
  for (uint64_t i = begin; i < end; ++i) most = greater(most, limits[i * sizes.width + e]);
  scores[segment * sizes.scores_stride + e] = most;
}
