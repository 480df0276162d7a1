// What is recorded on a Metal device.
#pragma once
#include "../gpu/host/launch.h"

namespace ct {

// Keeps a launch while a device records. False, with the error set, without memory.
bool add_launch(ct_recording* recording, const char* call, const Launch& launch);

}  // namespace ct
