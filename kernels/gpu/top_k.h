// The greatest elements of a row, falling: a block for each span of columns looks for the greatest
// of it, one after the other, and then a block for the row among those.
#pragma once
#include "order.h"

DEVICE Candidate warp_best(Candidate own) {
  for (uint32_t mask = warp_size / 2; mask > 0; mask /= 2) {
    Candidate other;
    other.key = int32_t(shuffle_xor(uint32_t(own.key), mask));
    other.index = shuffle_xor(own.index, mask);
    if (is_better(other, own)) own = other;
  }
  return own;
}

CONSTANT uint32_t top_k_span = CT_TOP_K_SPAN;
CONSTANT uint32_t no_index = 0xffffffffu;

DEVICE Candidate best_candidate() {
  Candidate first;
  first.key = 0x7fffffff;
  first.index = 0;
  return first;
}

DEVICE Candidate worst_candidate() {
  Candidate last;
  last.key = int32_t(0x80000000u);
  last.index = no_index;
  return last;
}

// Column c where it comes after `last` in the order and is better than `best`; else `best`.
DEVICE Candidate better_column(GLOBAL(const float) x, uint32_t c, Candidate last, Candidate best) {
  Candidate candidate;
  candidate.key = order_key(x[c]);
  candidate.index = c;
  return is_better(last, candidate) && is_better(candidate, best) ? candidate : best;
}

// The best of what the threads have, for every thread.
DEVICE Candidate block_best(Candidate best, SHARED_POINTER(int32_t) keys,
                            SHARED_POINTER(uint32_t) indices, uint32_t thread_index) {
  best = warp_best(best);
  barrier();  // the last ones may still be read
  if (thread_index % warp_size == 0) {
    keys[thread_index / warp_size] = best.key;
    indices[thread_index / warp_size] = best.index;
  }
  barrier();
  for (uint32_t warp = 0; warp < block_warps; ++warp) {
    Candidate candidate;
    candidate.key = keys[warp];
    candidate.index = indices[warp];
    if (is_better(candidate, best)) best = candidate;
  }
  return best;
}

// listed[row, span, sizes.listed]: the columns of a span's greatest, then no_index.
KERNEL(top_k_spans, TopKSizes, BUFFER(0, uint32_t, listed), BUFFER(1, const float, x)) {
  SHARED(int32_t, warp_keys, block_warps);
  SHARED(uint32_t, warp_indices, block_warps);
  GLOBAL(const float) from = x + BLOCK_X * sizes.x_stride;
  const uint32_t begin = BLOCK_Y * top_k_span, end = lesser(begin + top_k_span, sizes.columns);
  const uint64_t first = (uint64_t(BLOCK_X) * sizes.spans + BLOCK_Y) * sizes.listed;
  Candidate last = best_candidate();
  for (uint32_t i = 0; i < sizes.listed; ++i) {
    Candidate best = worst_candidate();
    for (uint32_t c = begin + THREAD; c < end; c += block_size) {
      best = better_column(from, c, last, best);
    }
    last = block_best(best, warp_keys, warp_indices, THREAD);
    if (THREAD == 0) listed[first + i] = last.index;
  }
}

KERNEL(top_k, TopKSizes, BUFFER(0, float, values), BUFFER(1, int32_t, indices),
       BUFFER(2, const uint32_t, listed), BUFFER(3, const float, x)) {
  SHARED(int32_t, warp_keys, block_warps);
  SHARED(uint32_t, warp_indices, block_warps);
  GLOBAL(const float) from = x + BLOCK_X * sizes.x_stride;
  const uint32_t count = sizes.spans * sizes.listed;
  GLOBAL(const uint32_t) columns = listed + uint64_t(BLOCK_X) * count;
  Candidate last = best_candidate();
  for (uint32_t i = 0; i < sizes.count; ++i) {
    Candidate best = worst_candidate();
    for (uint32_t j = THREAD; j < count; j += block_size) {
      if (columns[j] != no_index) best = better_column(from, columns[j], last, best);
    }
    last = block_best(best, warp_keys, warp_indices, THREAD);
    if (THREAD > 0) continue;
    indices[BLOCK_X * sizes.indices_stride + i] = int32_t(last.index);
    if (sizes.has_values) values[BLOCK_X * sizes.values_stride + i] = from[last.index];
  }
}
