// Walks over the pages that a segment reads.
#pragma once
#include "parts.h"

namespace ct {
namespace CT_TARGET {
namespace {

inline uint32_t segment_of_row(const Segments& segments, uint32_t row) {
  uint32_t low = 0, high = segments.count;  // the answer is in low ... high - 1
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    (uint32_t(segments.starts[middle]) <= row ? low : high) = middle;
  }
  return low;
}

// One row of a table.
struct PageList {
  const int32_t *pages, *starts, *shifts;
  uint32_t width;

  PageList(const PageTable& table, uint32_t segment)
      : pages(table.pages.row(segment)),
        starts(table.starts.row(segment)),
        shifts(table.shifts.row(segment)),
        width(table.pages.columns) {}

  // The first entry from e on that has a page, or width.
  uint32_t next(uint32_t e) const {
    while (e < width && pages[e] < 0) ++e;
    return e;
  }
};

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
