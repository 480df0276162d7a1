// The CPU device: a thread pool and the kernels of one instruction set.
#pragma once
#include "../common/device.h"
#include "kernel_table.h"

namespace ct {

struct CpuDevice : ct_device {
  const KernelTable* kernels = nullptr;
};

inline const KernelTable& kernels_of(const ct_device* device) {
  return *static_cast<const CpuDevice*>(device)->kernels;
}

}  // namespace ct
