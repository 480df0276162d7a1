// How weights of CT_Q8 and CT_Q4 lie in memory, the same for every instruction set: blocks of
// packed_rows rows, one after the other. A block holds the scales (bf16) of each group of columns,
// [groups][packed_rows], padded to whole lines, and then its codes in chunks of one line: for each
// row in turn four bytes, which are four columns in 8 bits, or eight columns in 4 bits, the first
// four in the lower halves. So a kernel that computes the outputs of a block reads memory in order,
// and each lane of a vector belongs to one output.
#pragma once
#include <stdint.h>

#include "arguments.h"

namespace ct {

constexpr uint32_t packed_rows = CT_PACKED_ROWS;
constexpr uint32_t packed_line = 64;

CT_ALWAYS_INLINE bool is_packed(uint32_t type) { return type == CT_Q8 || type == CT_Q4; }
CT_ALWAYS_INLINE uint32_t packed_bits(uint32_t type) { return type == CT_Q8 ? 8 : 4; }

struct PackedLayout {
  uint32_t type, columns, group;

  CT_ALWAYS_INLINE uint32_t groups() const { return columns / group; }
  CT_ALWAYS_INLINE uint64_t scale_bytes() const {
    const uint64_t bytes = uint64_t{groups()} * packed_rows * sizeof(bf16);
    return (bytes + packed_line - 1) / packed_line * packed_line;
  }
  CT_ALWAYS_INLINE uint64_t group_bytes() const {
    return uint64_t{group} * packed_rows * packed_bits(type) / 8;
  }
  CT_ALWAYS_INLINE uint64_t block_bytes() const {
    return scale_bytes() + groups() * group_bytes();
  }
  CT_ALWAYS_INLINE uint64_t bytes(uint32_t rows) const {
    return (uint64_t{rows} + packed_rows - 1) / packed_rows * block_bytes();
  }
};

// Packed weights whose first row is the first of a block.
struct Packed {
  PackedLayout layout;
  unsigned char* data;
  uint32_t rows;

  CT_ALWAYS_INLINE explicit Packed(const Typed& weight)
      : layout{weight.type, weight.columns, weight.group},
        data(static_cast<unsigned char*>(weight.data)),
        rows(weight.rows) {}

  CT_ALWAYS_INLINE unsigned char* block(uint64_t index) const {
    return data + index * layout.block_bytes();
  }
  CT_ALWAYS_INLINE bf16* scales(uint64_t index) const {
    return reinterpret_cast<bf16*>(block(index));
  }
  CT_ALWAYS_INLINE unsigned char* codes(uint64_t index) const {
    return block(index) + layout.scale_bytes();
  }
  CT_ALWAYS_INLINE bf16& scale(uint32_t row, uint32_t group) const {
    return scales(row / packed_rows)[group * packed_rows + row % packed_rows];
  }
  // The four bytes with the codes of a row from this column on, which is the first of a chunk.
  CT_ALWAYS_INLINE unsigned char* chunk(uint32_t row, uint32_t column) const {
    const uint64_t index = column / (32 / packed_bits(layout.type));
    return codes(row / packed_rows) + index * packed_line + row % packed_rows * 4;
  }
};

// Checks a shape of packed weights, and computes its bytes.
bool check_packed(const char* call, uint64_t* bytes, uint32_t type, uint32_t rows,
                  uint32_t columns, uint32_t group);

// Checks that the buffer has so many bytes from an offset where packed weights can begin.
bool check_packed_view(const ct_buffer* buffer, uint64_t offset, uint64_t bytes);

}  // namespace ct
