// Kernels in the device's commands; see gpu/host/launch.h.
#include "../gpu/host/scratch.h"
#include "device.h"
#include "recording.h"

namespace ct {
namespace {

constexpr Count sizes_index = 30;  // as prelude_metal.h has it

}  // namespace

bool launch(ct_device* device, const char* call, const Launch& launch) {
  if (device->recording) return add_launch(device->recording, call, launch);
  MetalDevice& self = metal(device);
  const Object encoder = self.begin_kernel();
  if (!encoder) return false;
  send<void>(encoder, "setComputePipelineState:", self.pipelines[uint32_t(launch.kernel)]);
  for (uint32_t i = 0; i < launch.buffer_count; ++i) {
    MemoryMap::Place place;
    if (!self.find_buffer(place, call, launch.buffers[i])) return false;
    send<void>(encoder, "setBuffer:offset:atIndex:", place.buffer, Count{place.offset}, Count{i});
  }
  send<void>(encoder, "setBytes:length:atIndex:", launch.sizes, Count{launch.sizes_bytes},
             sizes_index);
  const Grid& grid = launch.grid;
  send<void>(encoder, "dispatchThreadgroups:threadsPerThreadgroup:",
             Extent{grid.x, grid.y, grid.z}, Extent{grid.threads, 1, 1});
  self.last_call = call;
  self.last_kernel = kernel_name(launch.kernel);
  return true;
}

void* device_scratch(ct_device* device, const char* call, uint64_t bytes) {
  return reserve_scratch(device, call, bytes);
}

}  // namespace ct
