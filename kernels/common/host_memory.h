// Buffers in the host's memory, and copies from and to views of them.
#pragma once
#include "file.h"
#include "tensor.h"

namespace ct {

bool allocate_host_memory(ct_buffer* buffer);
void free_host_memory(ct_buffer* buffer);
bool map_host_contents(ct_buffer* buffer, const ct_file* file);  // false with the error set

// As write_elements() and the like in backend.h.
void write_host_elements(const ct_tensor& tensor, const void* from);
void read_host_elements(const ct_tensor& tensor, void* to);
void zero_host_elements(const ct_tensor& tensor);

}  // namespace ct
