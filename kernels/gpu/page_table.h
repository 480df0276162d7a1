// Walks over the pages that a segment reads.
#pragma once
#include "sizes.h"

// One row of the tables.
struct PageList {
  GLOBAL(const int32_t) pages;
  GLOBAL(const int32_t) starts;
  GLOBAL(const int32_t) shifts;
  uint32_t width;
};

DEVICE PageList page_list(SIZES(TableSizes) sizes, GLOBAL(const int32_t) pages,
                          GLOBAL(const int32_t) starts, GLOBAL(const int32_t) shifts,
                          uint32_t segment) {
  const PageList list = {pages + segment * sizes.pages_stride,
                         starts + segment * sizes.starts_stride,
                         shifts + segment * sizes.shifts_stride, sizes.width};
  return list;
}

// The first entry from e on that has a page, or width.
DEVICE uint32_t next_page(PageList list, uint32_t e) {
  while (e < list.width && list.pages[e] < 0) ++e;
  return e;
}
