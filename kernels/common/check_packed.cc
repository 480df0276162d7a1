// Checks of the views that hold packed weights.
#include "packed.h"
#include "status.h"
#include "tensor.h"

namespace ct {

bool check_packed(const char* call, uint64_t* bytes, uint32_t type, uint32_t rows,
                  uint32_t columns, uint32_t group) {
  if (!is_packed(type)) return fail("%s: type is %u; pass CT_Q8 or CT_Q4", call, type);
  if (group != 32 && group != 64) return fail("%s: group is %u; pass 32 or 64", call, group);
  if (!columns || columns % group) {
    return fail("%s: columns is %u but group is %u; pass one or more times as many", call, columns,
                group);
  }
  const uint64_t blocks = (uint64_t{rows} + packed_rows - 1) / packed_rows;
  if (!__builtin_mul_overflow(blocks, PackedLayout{type, columns, group}.block_bytes(), bytes)) {
    return true;
  }
  return fail("%s: %u rows of %u columns pass the end of the address space; pass fewer", call, rows,
              columns);
}

bool check_packed_view(const ct_buffer* buffer, uint64_t offset, uint64_t bytes) {
  if (offset % packed_line) {
    return fail("ct_packed_create: offset is %llu; pass a multiple of %u",
                (unsigned long long)offset, packed_line);
  }
  uint64_t end;
  if (!__builtin_add_overflow(offset, bytes, &end) && end <= buffer->bytes) return true;
  return fail("ct_packed_create: %llu bytes from byte %llu pass the end of buffer, which has %llu; "
              "pass a smaller view",
              (unsigned long long)bytes, (unsigned long long)offset,
              (unsigned long long)buffer->bytes);
}

}  // namespace ct
