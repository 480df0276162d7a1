// Scratch memory of a device, which grows as operators ask for it.
#pragma once
#include "../../common/device.h"

namespace ct {

// As device_scratch() of launch.h, but that it holds what it held before. What grows is another
// buffer, so that recordings keep the one that they were made with.
void* reserve_scratch(ct_device* device, const char* call, uint64_t bytes);

}  // namespace ct
