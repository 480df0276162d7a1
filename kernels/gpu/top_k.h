// The greatest elements of a row, falling: a block a row, which looks for one after the other.
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

// The best of what comes after `last` in the order, for every thread.
DEVICE Candidate next_best(GLOBAL(const float) x, uint32_t columns, Candidate last,
                           SHARED_POINTER(int32_t) keys, SHARED_POINTER(uint32_t) indices,
                           uint32_t thread_index) {
  Candidate best;
  best.key = int32_t(0x80000000u);
  best.index = 0xffffffffu;
  for (uint32_t c = thread_index; c < columns; c += block_size) {
    Candidate candidate;
    candidate.key = order_key(x[c]);
    candidate.index = c;
    if (is_better(last, candidate) && is_better(candidate, best)) best = candidate;
  }
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

KERNEL(top_k, TopKSizes, BUFFER(0, float, values), BUFFER(1, int32_t, indices),
       BUFFER(2, const float, x)) {
  SHARED(int32_t, warp_keys, block_warps);
  SHARED(uint32_t, warp_indices, block_warps);
  GLOBAL(const float) from = x + BLOCK_X * sizes.x_stride;
  Candidate last;  // before all others
  last.key = 0x7fffffff;
  last.index = 0;
  for (uint32_t i = 0; i < sizes.count; ++i) {
    last = next_best(from, sizes.columns, last, warp_keys, warp_indices, THREAD);
    if (THREAD > 0) continue;
    indices[BLOCK_X * sizes.indices_stride + i] = int32_t(last.index);
    if (sizes.has_values) values[BLOCK_X * sizes.values_stride + i] = from[last.index];
  }
}
