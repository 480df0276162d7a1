#include "indices.h"

#include <stdlib.h>

#include "status.h"

namespace ct {
namespace {

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

}  // namespace

bool are_rows(const Call& call, const Operand& indices, const Operand& target) {
  const int32_t* values = index_row(indices);
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
  const int32_t* values = index_row(indices);
  const uint32_t count = indices.tensor->columns;
  const uint64_t repeat = first_repeat(values, count, target.tensor->rows);
  if (repeat == count) return true;
  if (repeat > count) {
    return fail("%s: out of memory to look for repeats in %s; free some", call.name, indices.name);
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
  const int32_t* starts = index_row(segments);
  const uint32_t count = tensor.columns - 1, rows = x.tensor->rows;
  if (starts[0] != 0) {
    return fail("%s: segments begins with %d; pass 0 first", call.name, starts[0]);
  }
  for (uint32_t s = 1; s <= count; ++s) {
    if (starts[s] >= starts[s - 1]) continue;
    return fail("%s: segments[%u] is %d after %d; pass starts that never decrease", call.name, s,
                starts[s], starts[s - 1]);
  }
  if (uint32_t(starts[count]) != rows) {
    return fail("%s: segments ends with %d but %s has %u rows; pass %u last", call.name,
                starts[count], x.name, rows, rows);
  }
  result = {starts, nullptr, count};
  if (!slots.name) return true;
  if (!is_indices_of(call, slots, 1, count, segments)) return false;
  if (state.tensor && !are_distinct_rows(call, slots, state)) return false;
  result.slots = index_row(slots);
  return true;
}

bool are_positions(const Call& call, const Operand& positions, const Segments& segments) {
  const int32_t* values = index_row(positions);
  for (uint32_t s = 0; s < segments.count; ++s) {
    const int32_t begin = segments.starts[s], end = segments.starts[s + 1];
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

bool are_pages(const Call& call, const Operand& pages, const Operand& positions,
               const Segments& segments, const Operand& cache, uint32_t before) {
  const ct_tensor& table = *pages.tensor;
  const int32_t* values = index_row(positions);
  const uint32_t width = table.columns, limit = cache.tensor->rows / CT_PAGE_TOKENS;
  for (uint32_t s = 0; s < segments.count; ++s) {
    const int32_t begin = segments.starts[s], end = segments.starts[s + 1];
    if (begin == end) continue;
    const uint32_t first = uint32_t(values[begin]), last = uint32_t(values[end - 1]);
    const uint32_t lowest = first > before ? first - before : 0;
    const uint32_t needed = last / CT_PAGE_TOKENS - lowest / CT_PAGE_TOKENS + 1;
    if (needed > width) {
      return fail("%s: segment %u needs positions %u to %u, %u pages, but pages is [%u, %u]; "
                  "pass a wider table or fewer tokens",
                  call.name, s, lowest, last, needed, table.rows, width);
    }
    const int32_t* row = index_row(pages) + s * table.stride;
    for (uint32_t page = lowest / CT_PAGE_TOKENS; page <= last / CT_PAGE_TOKENS; ++page) {
      const int32_t value = row[page % width];
      if (value >= 0 && uint32_t(value) < limit) continue;
      return fail("%s: pages[%u, %u] is %d but %s has %u pages; pass 0 up to but not with %u",
                  call.name, s, page % width, value, cache.name, limit, limit);
    }
  }
  return true;
}

}  // namespace ct
