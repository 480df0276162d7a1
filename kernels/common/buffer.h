// The memory that tensors lie in.
#pragma once
#include "tensor.h"

namespace ct {

// Gives up one reference to the buffer; says whether its reference to the device is to be given up.
bool drop_buffer(ct_buffer* buffer);

}  // namespace ct
