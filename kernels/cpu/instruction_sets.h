// The instruction sets that the library was built for.
#pragma once
#include <stdint.h>

#include "kernel_table.h"

namespace ct {

struct InstructionSet {
  const KernelTable* kernels;
  bool (*is_supported)();  // by the processor and the system
};

// Best first.
extern const InstructionSet instruction_sets[];
extern const uint32_t instruction_set_count;

}  // namespace ct
