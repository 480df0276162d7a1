// The query heads that a block has: of one row, and of one key head, so that what they read of the
// caches is read once for all of them.
#pragma once
#include "sizes.h"

CONSTANT uint32_t most_group_heads = CT_GROUP_HEADS;
CONSTANT uint32_t most_half_size = CT_MOST_HEAD_SIZE / 2;
CONSTANT uint32_t group_queries = most_group_heads * CT_MOST_HEAD_SIZE;  // elements

struct QueryGroup {
  uint32_t key_head, first, count;  // first: of the query heads
};

// A group that is too large is cut into parts of `group_part` heads.
DEVICE QueryGroup query_group(SIZES(GroupSizes) sizes, uint32_t block) {
  const uint32_t parts = (sizes.group + sizes.group_part - 1) / sizes.group_part;
  const uint32_t before = block % parts * sizes.group_part;  // of the same key head
  QueryGroup group;
  group.key_head = block / parts;
  group.first = group.key_head * sizes.group + before;
  group.count = lesser(sizes.group_part, sizes.group - before);
  return group;
}

// Pairs of a head, the elements that are turned together, as they are shared: what is read at once
// is whole.
DEVICE uint32_t shared_pairs(uint32_t head_size) { return (head_size / 2 + 7) / 8 * 8; }

// Brings a row's queries of the group into queries[heads, 2, most_half_size]: the two halves of a
// head, and zeros behind them. For a block of block_size.
DEVICE void share_queries(QueryGroup group, uint32_t head_size, SHARED_POINTER(float) queries,
                          GLOBAL(const float) row, uint32_t thread_index) {
  const uint32_t half_size = head_size / 2;
  GLOBAL(const float) from = row + group.first * head_size;
  for (uint32_t side = 0; side < 2 * group.count; ++side) {
    for (uint32_t i = thread_index; i < shared_pairs(head_size); i += block_size) {
      queries[side * most_half_size + i] = i < half_size ? from[side * half_size + i] : 0.0f;
    }
  }
}
