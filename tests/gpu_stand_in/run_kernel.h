// What stands in for a GPU's processor: the emulator's kernels, block after block.
#pragma once
#include "../../kernels/emulator/kernels.h"

namespace stand_in {

// The kernel that a GPU knows as ct_<name>; Kernel::count where there is none.
ct::Kernel find_kernel(const char* name);

// Runs a kernel. False where it did what a kernel must not; the error output then has what.
bool run_kernel(const ct::Launch& launch);

}  // namespace stand_in
