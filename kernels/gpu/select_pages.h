// Chooses the pages that are read: the first, the latest, and of the others the best. A block a
// segment; a thread finds the rank of a page by looking at all others.
#pragma once
#include "order.h"
#include "page_table.h"

DEVICE Candidate page_candidate(GLOBAL(const float) scores, uint32_t e) {
  Candidate candidate;
  candidate.key = order_key(scores[e]);
  candidate.index = e;
  return candidate;
}

// Whether the page of entry e is chosen, of `found` pages.
DEVICE bool is_chosen(PageList list, GLOBAL(const float) scores, uint32_t e, uint32_t found,
                      uint32_t count, uint32_t recent) {
  if (found <= count) return true;
  const Candidate own = page_candidate(scores, e);
  uint32_t place = 0, before = 0, better = 0;  // place: among the pages
  for (uint32_t other = next_page(list, 0); other < list.width;
       other = next_page(list, other + 1)) {
    if (other == e) before = place;
    const bool is_free = place > 0 && place < found - recent;
    if (is_free && is_better(page_candidate(scores, other), own)) ++better;
    ++place;
  }
  if (before == 0 || before >= found - recent) return true;
  return better < count - 1 - recent;
}

KERNEL(select_pages, SelectPagesSizes, BUFFER(0, int32_t, chosen_pages),
       BUFFER(1, int32_t, chosen_starts), BUFFER(2, int32_t, chosen_shifts),
       BUFFER(3, int32_t, marks), BUFFER(4, const float, scores), BUFFER(5, const int32_t, pages),
       BUFFER(6, const int32_t, starts), BUFFER(7, const int32_t, shifts)) {
  const uint32_t segment = BLOCK_X, count = sizes.chosen.width;
  const PageList list = page_list(sizes.table, pages, starts, shifts, segment);
  GLOBAL(const float) own_scores = scores + segment * sizes.scores_stride;
  GLOBAL(int32_t) own_marks = marks + uint64_t(segment) * list.width;
  GLOBAL(int32_t) to_pages = chosen_pages + segment * sizes.chosen.pages_stride;
  GLOBAL(int32_t) to_starts = chosen_starts + segment * sizes.chosen.starts_stride;
  GLOBAL(int32_t) to_shifts = chosen_shifts + segment * sizes.chosen.shifts_stride;
  uint32_t found = 0;
  for (uint32_t e = next_page(list, 0); e < list.width; e = next_page(list, e + 1)) ++found;
  for (uint32_t e = THREAD; e < list.width; e += block_size) {
    const bool chosen =
        list.pages[e] >= 0 && is_chosen(list, own_scores, e, found, count, sizes.recent);
    own_marks[e] = chosen ? 1 : 0;
  }
  barrier();
  for (uint32_t e = THREAD; e < list.width; e += block_size) {
    if (own_marks[e] == 0) continue;
    uint32_t place = 0;
    for (uint32_t other = 0; other < e; ++other) place += uint32_t(own_marks[other]);
    to_pages[place] = list.pages[e];
    to_starts[place] = list.starts[e];
    to_shifts[place] = list.shifts[e];
  }
  for (uint32_t i = lesser(found, count) + THREAD; i < count; i += block_size) {
    to_pages[i] = -1;
    to_starts[i] = 0;
    to_shifts[i] = 0;
  }
}
