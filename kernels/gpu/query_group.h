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

// Brings a row's queries of the group into queries[heads, 2, most_half_size]: the two halves of a
// head, element i of which is turned with element i of the other. For a block of block_size.
DEVICE void share_queries(QueryGroup group, uint32_t half_size, SHARED_POINTER(float) queries,
                          GLOBAL(const float) row, uint32_t thread_index) {
  GLOBAL(const float) from = row + group.first * 2 * half_size;
  for (uint32_t half = 0; half < 2 * group.count; ++half) {
    for (uint32_t i = thread_index; i < half_size; i += block_size) {
      queries[half * most_half_size + i] = from[half * half_size + i];
    }
  }
}
