// How a GPU's operators reach the device: what each backend that runs kernels of gpu/ provides.
#pragma once
#include <stdint.h>

#include "../../common/device.h"
#include "../../common/recording.h"
#include "../kernel_list.h"
#include "operands.h"

namespace ct {

#define CT_KERNEL_NAME(name) name,
enum class Kernel : uint32_t { CT_KERNELS(CT_KERNEL_NAME) count };
#undef CT_KERNEL_NAME

inline const char* kernel_name(Kernel kernel) {
#define CT_KERNEL_TEXT(name) #name,
  constexpr const char* names[] = {CT_KERNELS(CT_KERNEL_TEXT)};
#undef CT_KERNEL_TEXT
  return names[uint32_t(kernel)];
}

constexpr uint32_t most_kernel_buffers = 12;
constexpr uint32_t warp_threads = CT_WARP_THREADS;
constexpr uint32_t block_threads = CT_BLOCK_THREADS;

// A grid of blocks of threads; a launch without blocks does nothing.
struct Grid {
  uint32_t x, y, z;  // y and z at most most_grid
  uint32_t threads;  // of a block, whole warps
};
constexpr uint32_t most_grid = 65535;

struct Launch {
  Kernel kernel;
  Grid grid;
  const void* sizes;  // the kernel's struct of sizes.h
  uint32_t sizes_bytes;
  const KernelBuffer* buffers;
  uint32_t buffer_count;
};

// Runs a kernel after those that were launched before. False, with the error set, where it fails;
// `call` is the operator, for the error.
bool launch(ct_device* device, const char* call, const Launch& launch);

// Memory of the device for one operator call at a time, of `bytes` bytes, which may be none; null,
// with the error set, when it cannot be had. What it holds is undefined.
void* device_scratch(ct_device* device, const char* call, uint64_t bytes);

template <typename Sizes, typename... Buffers>
bool launch_kernel(ct_device* device, const char* call, Kernel kernel, const Grid& grid,
                   const Sizes& sizes, const Buffers&... buffers) {
  static_assert(sizeof...(buffers) <= most_kernel_buffers);
  if (!grid.x || !grid.y || !grid.z) return true;
  const KernelBuffer all[] = {buffers...};
  if (device->recording) ++device->recording->launch_count;
  return launch(device, call,
                {kernel, grid, &sizes, sizeof sizes, all, uint32_t(sizeof...(buffers))});
}

inline uint32_t blocks_for(uint64_t items, uint32_t each) {
  return uint32_t((items + each - 1) / each);
}

}  // namespace ct
