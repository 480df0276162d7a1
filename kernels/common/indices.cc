#include "indices.h"

#include <stdlib.h>

#include "backend.h"
#include "status.h"

namespace ct {
namespace {

const int32_t* values_of(const Operand& operand) { return index_values(*operand.tensor); }

bool rise(const int32_t* values, uint32_t count) {
  for (uint32_t i = 1; i < count; ++i) {
    if (values[i] <= values[i - 1]) return false;
  }
  return true;
}

// The position in values of the first one that occurred before, or count; count + 1 without memory.
uint64_t first_repeat(const int32_t* values, uint32_t count, uint32_t limit) {
  if (rise(values, count)) return count;
  unsigned char* seen = static_cast<unsigned char*>(calloc(limit / 8 + 1, 1));
  if (!seen) return uint64_t{count} + 1;
  uint64_t i = 0;
  for (; i < count; ++i) {
    const uint32_t value = uint32_t(values[i]), bit = 1u << value % 8;
    if (seen[value / 8] & bit) break;
    seen[value / 8] |= static_cast<unsigned char>(bit);
  }
  free(seen);
  return i;
}

// Starts of `count` segments and their end, of the rows of x.
bool are_starts(const Call& call, const int32_t* starts, uint32_t count, const Operand& x) {
  if (!starts) return true;
  const uint32_t rows = x.tensor->rows;
  if (starts[0] != 0) {
    return fail("%s: segments begins with %d; pass 0 first", call.name, starts[0]);
  }
  for (uint32_t s = 1; s <= count; ++s) {
    if (starts[s] >= starts[s - 1]) continue;
    return fail("%s: segments[%u] is %d after %d; pass starts that never decrease", call.name, s,
                starts[s], starts[s - 1]);
  }
  if (uint32_t(starts[count]) == rows) return true;
  return fail("%s: segments ends with %d but %s has %u rows; pass %u last", call.name,
              starts[count], x.name, rows, rows);
}

}  // namespace

bool are_rows(const Call& call, const Operand& indices, const Operand& target) {
  const int32_t* values = values_of(indices);
  if (!values) return true;
  const uint32_t limit = target.tensor->rows;
  for (uint32_t i = 0; i < indices.tensor->columns; ++i) {
    if (values[i] >= 0 && uint32_t(values[i]) < limit) continue;
    return fail("%s: %s[%u] is %d but %s has %u rows; pass an index from 0 up to but not with %u",
                call.name, indices.name, i, values[i], target.name, limit, limit);
  }
  return true;
}

bool are_distinct_rows(const Call& call, const Operand& indices, const Operand& target) {
  if (!are_rows(call, indices, target)) return false;
  const int32_t* values = values_of(indices);
  if (!values) return true;
  const uint32_t count = indices.tensor->columns;
  const uint64_t repeat = first_repeat(values, count, target.tensor->rows);
  if (repeat == count) return true;
  if (repeat > count) {
    return fail_memory("%s: out of memory to look for repeats in %s; free some", call.name,
                       indices.name);
  }
  return fail("%s: %s has %d twice, again at %llu; pass each row once", call.name, indices.name,
              values[repeat], (unsigned long long)repeat);
}

bool check_segments(Segments& result, const Call& call, const Operand& segments,
                    const Operand& slots, const Operand& state, const Operand& x) {
  if (!is_indices(call, segments)) return false;
  const ct_tensor& tensor = *segments.tensor;
  if (tensor.rows != 1 || !tensor.columns) {
    return fail("%s: segments is [%u, %u]; pass the starts and the end, [1, S+1]", call.name,
                tensor.rows, tensor.columns);
  }
  const uint32_t count = tensor.columns - 1;
  if (!are_starts(call, values_of(segments), count, x)) return false;
  result = {index_row(segments), nullptr, count};
  if (!slots.name) return true;
  if (!is_indices_of(call, slots, 1, count, segments)) return false;
  if (state.tensor && !are_distinct_rows(call, slots, state)) return false;
  result.slots = index_row(slots);
  return true;
}

bool are_positions(const Call& call, const Operand& positions, const Operand& segments) {
  const int32_t *values = values_of(positions), *firsts = values_of(segments);
  if (!values || !firsts) return true;
  for (uint32_t s = 0; s + 1 < segments.tensor->columns; ++s) {
    const int32_t begin = firsts[s], end = firsts[s + 1];
    if (begin < end && values[begin] < 0) {
      return fail("%s: positions[%d] is %d; pass 0 or more", call.name, begin, values[begin]);
    }
    for (int32_t i = begin + 1; i < end; ++i) {
      if (values[i] == int64_t{values[i - 1]} + 1) continue;
      return fail("%s: positions[%d] is %d after %d in segment %u; pass positions that rise by one",
                  call.name, i, values[i], values[i - 1], s);
    }
  }
  return true;
}

namespace {

// A row of the tables, as far as the host can read it.
struct PageRow {
  const int32_t *pages, *starts, *shifts;
  uint32_t width;

  PageRow(const PageOperands& table, uint32_t s)
      : pages(row(table.pages, s)),
        starts(row(table.starts, s)),
        shifts(row(table.shifts, s)),
        width(table.pages.tensor->columns) {}
  explicit operator bool() const { return pages && starts && shifts; }

 private:
  static const int32_t* row(const Operand& operand, uint32_t s) {
    const int32_t* const values = values_of(operand);
    return values ? values + s * operand.tensor->stride : nullptr;
  }
};

// The pages of segment s lie below limit, their starts rise and their shifts are not negative.
bool is_page_list(const Call& call, const PageRow& row, uint32_t s, uint32_t limit) {
  const auto& [pages, starts, shifts, width] = row;
  int32_t before = -1;
  for (uint32_t e = 0; e < width; ++e) {
    if (pages[e] == -1) continue;
    if (pages[e] < 0 || uint32_t(pages[e]) >= limit) {
      return fail("%s: pages[%u, %u] is %d; pass -1, or 0 up to but not with %u", call.name, s, e,
                  pages[e], limit);
    }
    if (starts[e] <= before) {
      return fail("%s: starts[%u, %u] is %d after %d; pass starts of 0 or more that rise",
                  call.name, s, e, starts[e], before);
    }
    if (shifts[e] < 0) {
      return fail("%s: shifts[%u, %u] is %d; pass 0 or more", call.name, s, e, shifts[e]);
    }
    before = starts[e];
  }
  return true;
}

Indices index_table(const Operand& table) {
  const ct_tensor& t = *table.tensor;
  return {static_cast<const int32_t*>(t.data), t.rows, t.columns, t.stride};
}

}  // namespace

bool check_page_table(PageTable& result, const Call& call, const PageOperands& table, uint64_t rows,
                      uint64_t width, const Operand& other, uint32_t limit) {
  const auto& [pages, starts, shifts] = table;
  if (!is_indices_of(call, pages, rows, width, other) ||
      !is_indices_of(call, starts, rows, pages.tensor->columns, pages) ||
      !is_indices_of(call, shifts, rows, pages.tensor->columns, pages)) {
    return false;
  }
  result = {index_table(pages), index_table(starts), index_table(shifts)};
  for (uint32_t s = 0; s < result.pages.rows; ++s) {
    const PageRow row(table, s);
    if (row && !is_page_list(call, row, s, limit)) return false;
  }
  return true;
}

bool are_in_pages(const Call& call, const Operand& positions, const Operand& segments,
                  const PageOperands& table) {
  const int32_t *values = values_of(positions), *firsts = values_of(segments);
  if (!values || !firsts) return true;
  for (uint32_t s = 0; s + 1 < segments.tensor->columns; ++s) {
    const PageRow row(table, s);
    if (!row) continue;
    const auto& [pages, starts, shifts, width] = row;
    int32_t start = -1;  // of the last page that begins at or before the position, -1 for none
    uint32_t next = 0;
    for (int32_t i = firsts[s]; i < firsts[s + 1]; ++i) {
      for (; next < width && (pages[next] < 0 || starts[next] <= values[i]); ++next) {
        if (pages[next] >= 0) start = starts[next];
      }
      if (start >= 0 && uint32_t(values[i] - start) < CT_PAGE_TOKENS) continue;
      return fail("%s: positions[%d] is %d, in no page of segment %u; list the page that holds it",
                  call.name, i, values[i], s);
    }
  }
  return true;
}

}  // namespace ct
