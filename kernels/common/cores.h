#pragma once
#include <stdint.h>

namespace ct {

// Cores that this process may run on, each counted once however many threads it runs.
uint32_t physical_cores();

}  // namespace ct
