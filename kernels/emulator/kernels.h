// The kernels of gpu/ as the emulator runs them.
#pragma once
#include "../gpu/host/launch.h"
#include "block.h"

namespace ct {

const Program& program_of(Kernel kernel);

// The program that runs a launch, whose buffers and sizes are those that its kernel takes; null,
// with the error set, where they are not.
const Program* find_program(const Launch& launch);

}  // namespace ct
