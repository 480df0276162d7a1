// Checks of what index operands contain, where the host can tell: see index_values() in backend.h.
// The tensors' types and shapes have been checked before, unless a function says that it does so.
#pragma once
#include "operands.h"

namespace ct {

// Every index lies in 0 ... limit - 1, the rows of `target`.
bool are_rows(const Call& call, const Operand& indices, const Operand& target);

// As are_rows, and none occurs twice.
bool are_distinct_rows(const Call& call, const Operand& indices, const Operand& target);

// Type, shape and contents of segments (and slots, if its tensor is not null, against `state`) for
// the rows of `x`.
bool check_segments(Segments& result, const Call& call, const Operand& segments,
                    const Operand& slots, const Operand& state, const Operand& x);

// Positions are 0 or more and rise by one in each segment.
bool are_positions(const Call& call, const Operand& positions, const Operand& segments);

struct PageOperands {
  Operand pages, starts, shifts;
};

// Types, shapes and contents of the tables [rows, width], which `other` demands: pages are -1 or
// below `limit`, and where there is a page, starts rise and shifts are 0 or more.
bool check_page_table(PageTable& result, const Call& call, const PageOperands& table, uint64_t rows,
                      uint64_t width, const Operand& other, uint32_t limit);

// Every position lies in a page of its segment.
bool are_in_pages(const Call& call, const Operand& positions, const Operand& segments,
                  const PageOperands& table);

}  // namespace ct
