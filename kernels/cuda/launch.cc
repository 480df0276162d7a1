// Kernels on the device's stream; see gpu/host/launch.h.
#include <stdio.h>

#include "../common/status.h"
#include "../gpu/host/scratch.h"
#include "device.h"

namespace ct {

bool launch(ct_device* device, const char* call, const Launch& launch) {
  CudaDevice& self = cuda(device);
  const Grid& grid = launch.grid;
  CudaAddress addresses[most_kernel_buffers];
  void* parameters[1 + most_kernel_buffers] = {const_cast<void*>(launch.sizes)};
  for (uint32_t i = 0; i < launch.buffer_count; ++i) {
    addresses[i] = address_of(launch.buffers[i].data);
    parameters[1 + i] = &addresses[i];
  }
  const char* const kernel = kernel_name(launch.kernel);
  const int error =
      self.driver.launch(self.kernels[uint32_t(launch.kernel)], grid.x, grid.y, grid.z,
                         grid.threads, 1, 1, 0, self.stream, parameters, nullptr);
  if (error != cuda_success) {
    char what[120];
    snprintf(what, sizeof what, "%s: kernel %s with a grid of %u by %u by %u", call, kernel, grid.x,
             grid.y, grid.z);
    return self.failed(what, error);
  }
  self.last_call = call;
  self.last_kernel = kernel;
  return true;
}

void* device_scratch(ct_device* device, const char* call, uint64_t bytes) {
  return reserve_scratch(device, call, bytes);
}

}  // namespace ct
