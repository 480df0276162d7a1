// Checks of what index operands contain. The tensors' types and shapes have been checked before,
// unless a function says that it does so.
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
bool are_positions(const Call& call, const Operand& positions, const Segments& segments);

// Every segment's pages, from that of the lowest position which its first token reaches, `before`
// positions back (UINT32_MAX: position 0), to that of its last token, fit in the table's width and
// lie in the cache.
bool are_pages(const Call& call, const Operand& pages, const Operand& positions,
               const Segments& segments, const Operand& cache, uint32_t before);

}  // namespace ct
