// A span of a table, as one row sees it, and what the threads that attend to it share.
#pragma once
#include "page_table.h"
#include "query_group.h"

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
