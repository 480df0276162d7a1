// The first columns of a row, or a stretch of it, in the registers of a block, so that they are
// read once: neighbouring threads have neighbouring words of 16 bytes.
#pragma once
#include "wide.h"

CONSTANT uint32_t row_part = CT_ROW_PART;  // columns
CONSTANT uint32_t row_part_step = 4 * block_size;  // from one word of a thread to its next
CONSTANT uint32_t row_part_words = row_part / row_part_step;  // of a thread

using RowPart = Wides<row_part_words>;

// Word i of a thread begins at column first + i * row_part_step; zeros from column `columns` on.
DEVICE RowPart read_row_part(GLOBAL(const float) row, uint32_t first, uint32_t columns,
                             uint32_t is_wide) {
  return read_wides<row_part_words, row_part_step>(row, first, columns, is_wide);
}
