// Kernels in the device's commands; see gpu/host/launch.h.
#include "../common/status.h"
#include "device.h"

namespace ct {
namespace {

constexpr Count sizes_index = 30;  // as prelude_metal.h has it
constexpr uint64_t scratch_step = 1024 * 1024;

}  // namespace

bool launch(ct_device* device, const char* call, const Launch& launch) {
  MetalDevice& self = metal(device);
  const Object encoder = self.begin_kernel();
  if (!encoder) return false;
  send<void>(encoder, "setComputePipelineState:", self.pipelines[uint32_t(launch.kernel)]);
  for (uint32_t i = 0; i < launch.buffer_count; ++i) {
    const void* const data = launch.buffers[i].data;
    const MemoryMap::Place place = data ? self.memory.find(data) : MemoryMap::Place{nullptr, 0};
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
  MetalDevice& self = metal(device);
  if (bytes > self.scratch_bytes || !self.scratch) {
    if (self.scratch) self.free_buffer(self.scratch);
    const uint64_t wanted = (bytes + scratch_step - 1) / scratch_step * scratch_step;
    self.scratch = self.allocate(&self.scratch_memory, call, " of scratch", wanted);
    self.scratch_bytes = self.scratch ? wanted : 0;
  }
  return self.scratch ? self.scratch_memory : nullptr;
}

}  // namespace ct
