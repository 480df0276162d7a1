// Chooses the pages that are read: the first, the latest, and of the others the best.
#include "candidates.h"
#include "kernel_table.h"
#include "page_table.h"

namespace ct {
namespace CT_TARGET {
namespace {

struct SelectScratch {
  int32_t* present;  // [width], the entries that have a page
  float* scores;  // [width], of the entries that are neither pinned nor absent
  Candidate* best;  // [count]
  bool* chosen;  // [width], of the present entries
};

// Lays scratch out (null will do to measure); returns its bytes.
uint64_t place_select(SelectScratch& to, uint64_t width, uint64_t count, void* scratch) {
  uintptr_t next = reinterpret_cast<uintptr_t>(scratch);
  to.present = reinterpret_cast<int32_t*>(next);
  to.scores = reinterpret_cast<float*>(next += width * sizeof(int32_t));
  to.best = reinterpret_cast<Candidate*>(next += width * sizeof(float));
  to.chosen = reinterpret_cast<bool*>(next += count * sizeof(Candidate));
  return next + width - reinterpret_cast<uintptr_t>(scratch);
}

// Marks which of the `found` present entries are chosen; there are more than `count`.
void choose_pages(const SelectScratch& scratch, const float* scores, uint32_t found, uint32_t count,
                  uint32_t recent) {
  const uint32_t others = found - 1 - recent, wanted = count - 1 - recent;
  for (uint32_t i = 0; i < found; ++i) scratch.chosen[i] = i == 0 || i >= found - recent;
  if (!wanted) return;
  for (uint32_t i = 0; i < others; ++i) scratch.scores[i] = scores[scratch.present[1 + i]];
  select(scratch.best, wanted, scratch.scores, others);
  for (uint32_t i = 0; i < wanted; ++i) scratch.chosen[1 + scratch.best[i].index] = true;
}

void select_segment_pages(const SelectPagesArgs& args, const SelectScratch& scratch, uint32_t s) {
  const PageList list(args.table, s);
  const uint32_t count = args.pages.columns;
  uint32_t found = 0;
  for (uint32_t e = list.next(0); e < list.width; e = list.next(e + 1)) {
    scratch.present[found++] = int32_t(e);
  }
  const bool all = found <= count;
  if (!all) choose_pages(scratch, args.scores.row(s), found, count, args.recent);
  int32_t* const pages = args.pages.row(s);
  int32_t *const starts = args.starts.row(s), *const shifts = args.shifts.row(s);
  uint32_t place = 0;
  for (uint32_t i = 0; i < found; ++i) {
    if (!all && !scratch.chosen[i]) continue;
    const int32_t e = scratch.present[i];
    pages[place] = list.pages[e];
    starts[place] = list.starts[e];
    shifts[place++] = list.shifts[e];
  }
  for (; place < count; ++place) {
    pages[place] = -1;
    starts[place] = shifts[place] = 0;
  }
}

}  // namespace

bool select_pages(ThreadPool& pool, const SelectPagesArgs& args) {
  const uint64_t width = args.table.pages.columns, count = args.pages.columns;
  SelectScratch measured;
  if (!pool.reserve(place_select(measured, width, count, nullptr))) return false;
  pool.run(args.pages.rows, [&](uint32_t s, uint32_t thread) {
    SelectScratch scratch;
    place_select(scratch, width, count, pool.scratch(thread));
    select_segment_pages(args, scratch, s);
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
