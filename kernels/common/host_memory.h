// Buffers in the host's memory, and copies from and to views of them.
#pragma once
#include "file.h"
#include "tensor.h"

namespace ct {

// As allocate_memory() of backend.h.
bool allocate_host_memory(ct_buffer* buffer, const char* call, const char* what);
void free_host_memory(ct_buffer* buffer);
bool map_host_contents(ct_buffer* buffer, const ct_file* file);  // false with the error set

// As write_elements() and the like in backend.h.
void write_host_elements(const ct_tensor& tensor, const void* from);
void read_host_elements(const ct_tensor& tensor, void* to);
void zero_host_elements(const ct_tensor& tensor);

// Calls body(row of the tensor, its bytes, the row's offset in dense data), once when rows are
// adjacent, until it returns false; which is then the result.
template <typename Body>
bool for_rows(const ct_tensor& tensor, const Body& body) {
  const uint64_t size = element_bytes(tensor.type), width = tensor.columns * size;
  unsigned char* const data = static_cast<unsigned char*>(tensor.data);
  if (!width || !tensor.rows) return true;
  if (tensor.stride == tensor.columns) return body(data, tensor.rows * width, 0);
  for (uint64_t r = 0; r < tensor.rows; ++r) {
    if (!body(data + r * tensor.stride * size, width, r * width)) return false;
  }
  return true;
}

}  // namespace ct
