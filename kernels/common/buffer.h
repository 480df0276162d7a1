// The memory that tensors lie in.
#pragma once
#include "tensor.h"

namespace ct {

// Zeroed memory with one reference, the caller's, that holds the device. Null, with the error set,
// where it cannot be had; `call` and `what` are as for allocate_memory() of backend.h.
ct_buffer* make_buffer(ct_device* device, const char* call, const char* what, uint64_t bytes);

// Whether calls may write to a tensor, which they may not to the contents of a file. Else the error
// is set; `operand` is what it is called.
bool is_writable(const char* call, const char* operand, const ct_tensor& tensor);

// Before a reference is given up: a device that records frees nothing, so what would go is held by
// the recording. False, with the error set, without memory.
bool keep_for_recording(ct_buffer* buffer, const char* call);

// Gives up one reference to the buffer; says whether its reference to the device is to be given up.
bool drop_buffer(ct_buffer* buffer);

}  // namespace ct
