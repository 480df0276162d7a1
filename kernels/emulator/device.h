// The emulator's device: the host's memory, and blocks of threads on the host's threads.
#pragma once
#include "../common/device.h"
#include "block.h"

namespace ct {

struct EmulatorDevice : ct_device {
  ~EmulatorDevice();

  Block* blocks = nullptr;  // one for each thread of the pool, made with the first launch
  uint32_t block_count = 0;
  uint64_t launches = 0;  // the seed of the next
};

}  // namespace ct
