// How operands are told to kernels.
#pragma once
#include "../../common/arguments.h"
#include "../../common/packed.h"
#include "../sizes.h"

namespace ct {

// What a kernel may touch: `bytes` bytes of the device's memory. Null where an operand is absent.
struct KernelBuffer {
  const void* data;
  uint64_t bytes;
};

// The memory of a view with elements of `size` bytes.
inline KernelBuffer view_of(const void* data, uint32_t rows, uint32_t columns, uint64_t stride,
                            uint32_t size) {
  const uint64_t elements = rows && columns ? (rows - 1) * stride + columns : 0;
  return {data, elements * size};
}

template <typename T>
KernelBuffer buffer_of(const Matrix<T>& x) {
  return x.data ? view_of(x.data, x.rows, x.columns, x.stride, sizeof(T)) : KernelBuffer{};
}

template <typename T>
KernelBuffer buffer_of(const T* row, uint64_t count) {
  return {row, row ? count * sizeof(T) : 0};
}

// f32 or bf16.
inline KernelBuffer buffer_of(const Typed& x) {
  return view_of(x.data, x.rows, x.columns, x.stride, x.type == CT_BF16 ? 2 : 4);
}

// Whether every row begins at a multiple of 16 bytes.
inline bool rows_are_wide(const void* data, uint64_t stride, uint32_t element_bytes) {
  return uintptr_t(data) % 16 == 0 && stride * element_bytes % 16 == 0;
}

template <typename T>
bool rows_are_wide(const Matrix<T>& x) {
  return rows_are_wide(x.data, x.stride, sizeof(T));
}

inline KernelBuffer starts_of(const Segments& segments) {
  return buffer_of(segments.starts, segments.count + 1);
}

inline KernelBuffer slots_of(const Segments& segments) {
  return buffer_of(segments.slots, segments.count);
}

inline PackedLayout packed_layout(const Typed& x) { return {x.type, x.columns, x.group}; }

inline KernelBuffer packed_buffer(const Typed& x) {
  return {x.data, packed_layout(x).bytes(x.rows)};
}

inline PackedSizes packed_sizes(const Typed& x) {
  const PackedLayout layout = packed_layout(x);
  return {layout.block_bytes() / 4, layout.scale_bytes() / 4, x.group, packed_bits(x.type)};
}

inline TableSizes table_sizes(const PageTable& table) {
  return {table.pages.stride, table.starts.stride, table.shifts.stride, table.pages.columns};
}

// Frequencies of a rotary embedding. False, with the error set, where the head is too large for it.
bool fill_frequencies(const char* call, float (&frequencies)[CT_MOST_HEAD_SIZE / 2],
                      uint32_t head_size, float theta);

}  // namespace ct
