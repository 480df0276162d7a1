#include "run_kernel.h"

#include <stdio.h>
#include <string.h>

#include <memory>

namespace stand_in {

ct::Kernel find_kernel(const char* name) {
  uint32_t i = 0;
  for (; i < uint32_t(ct::Kernel::count); ++i) {
    if (!strncmp(name, "ct_", 3) && !strcmp(name + 3, ct::kernel_name(ct::Kernel(i)))) break;
  }
  return ct::Kernel(i);
}

bool run_kernel(const ct::Launch& launch) {
  static const std::unique_ptr<ct::Block> block = std::make_unique<ct::Block>();
  static uint64_t launches = 0;
  if (!block->reserve()) return false;
  const ct::Grid& grid = launch.grid;
  const uint64_t seed = ++launches;
  for (uint32_t z = 0; z < grid.z; ++z) {
    for (uint32_t y = 0; y < grid.y; ++y) {
      for (uint32_t x = 0; x < grid.x; ++x) {
        if (block->run(ct::program_of(launch.kernel), launch, {x, y, z}, seed)) continue;
        fprintf(stderr, "stand-in: %s\n", block->error());
        return false;
      }
    }
  }
  return true;
}

}  // namespace stand_in
