// What the host knows of indices in a GPU's memory: those that it wrote itself, of which it keeps a
// copy to check them by. See index_values() and forget_indices() in backend.h, which this provides.
#pragma once
#include "../../common/tensor.h"

namespace ct {

// The host has written these elements, dense, or zeros where `from` is null. False, with the error
// set, without memory.
bool keep_host_indices(const ct_tensor& tensor, const void* from);

void free_host_indices(ct_buffer* buffer);

}  // namespace ct
