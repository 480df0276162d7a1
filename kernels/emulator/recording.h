// What the emulator records: launches, and the scratch memory that each begins with.
#pragma once
#include "../gpu/host/launch.h"

namespace ct {

// Keep what is done while a device records. They fail, with the error set, without memory;
// add_scratch() returns the scratch.
bool add_launch(ct_recording* recording, const char* call, const Launch& launch);
void* add_scratch(ct_recording* recording, const char* call, void* scratch, uint64_t bytes);

// Fills scratch with NaN, which is no index either.
void spoil_scratch(void* scratch, uint64_t bytes);

}  // namespace ct
