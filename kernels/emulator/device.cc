#include "device.h"

#include <stdlib.h>
#include <string.h>

#include <new>

#include "../common/backend.h"
#include "../common/host_memory.h"
#include "../common/status.h"
#include "../gpu/host/host_indices.h"
#include "../gpu/host/host_kernels.h"
#include "../gpu/host/scratch.h"
#include "kernels.h"
#include "recording.h"

namespace ct {
namespace {

EmulatorDevice& emulator(ct_device* device) { return *static_cast<EmulatorDevice*>(device); }

// Makes what blocks run in, as far as it is not there.
bool make_blocks(EmulatorDevice& device) {
  const uint32_t count = device.pool.threads();
  if (!device.blocks) device.blocks = static_cast<Block*>(malloc(count * sizeof(Block)));
  if (!device.blocks) return false;
  for (; device.block_count < count; ++device.block_count) {
    Block* const block = new (device.blocks + device.block_count) Block;
    if (block->reserve()) continue;
    block->~Block();
    return false;
  }
  return true;
}

}  // namespace

EmulatorDevice::~EmulatorDevice() {
  for (uint32_t i = 0; i < block_count; ++i) blocks[i].~Block();
  free(blocks);
}

void list_instruction_sets(char (&names)[names_bytes]) { strcpy(names, "emulator"); }

Opening make_device(ct_device** device, const char* instruction_set) {
  if (strcmp(instruction_set, "auto") && strcmp(instruction_set, "emulator")) {
    return Opening::unknown;
  }
  void* const memory = malloc(sizeof(EmulatorDevice));
  if (!memory) return Opening::no_memory;
  *device = new (memory) EmulatorDevice;
  (*device)->name = "emulator";
  return Opening::made;
}

void destroy_device(ct_device* device) {
  emulator(device).~EmulatorDevice();
  free(device);
}

bool allocate_memory(ct_buffer* buffer, const char* call, const char* what) {
  return allocate_host_memory(buffer, call, what);
}

void free_memory(ct_buffer* buffer) {
  free_host_indices(buffer);
  free_host_memory(buffer);
}

// The system's, which many share.
uint64_t memory_left(ct_device*) { return 0; }

bool map_contents(ct_buffer* buffer, const ct_file* file) {
  return map_host_contents(buffer, file);
}

const unsigned char* host_view(const ct_buffer& buffer, uint64_t offset, uint64_t*) {
  return buffer.data + offset;
}

bool write_elements(const ct_tensor& tensor, const void* from) {
  write_host_elements(tensor, from);
  return keep_host_indices(tensor, from);
}

bool read_elements(const ct_tensor& tensor, void* to) {
  read_host_elements(tensor, to);
  return true;
}

bool zero_elements(const ct_tensor& tensor) {
  zero_host_elements(tensor);
  return keep_host_indices(tensor, nullptr);
}

bool convert_elements(ct_device* device, const ConvertArgs& args) {
  return host_kernels::convert(device->pool, args);
}

bool repack_elements(ct_device* device, const RepackArgs& args) {
  return host_kernels::repack(device->pool, args);
}

bool unpack_elements(ct_device* device, const UnpackArgs& args) {
  return host_kernels::unpack(device->pool, args);
}

namespace {

// Blocks begin at a random one, too: no kernel may rely on their order.
bool run_launch(EmulatorDevice& device, const char* call, const Program& program,
                const Launch& launch) {
  if (!make_blocks(device)) return fail_memory("%s: out of memory for stacks; free some", call);
  const Grid& grid = launch.grid;
  const uint64_t seed = ++device.launches;
  const uint32_t count = grid.x * grid.y * grid.z;
  const uint32_t first = uint32_t(seed * 0x9e3779b97f4a7c15u >> 32) % count;
  std::atomic<Block*> failed{nullptr};
  device.pool.run(count, [&](uint32_t task, uint32_t thread) {
    if (failed.load(std::memory_order_relaxed)) return;
    const uint32_t i = (first + task) % count;
    const BlockIndex index = {i % grid.x, i / grid.x % grid.y, i / grid.x / grid.y};
    Block& block = device.blocks[thread];
    if (!block.run(program, launch, index, seed + i)) failed.store(&block);
  });
  const Block* const block = failed.load();
  return !block || fail("%s: %s", call, block->error());
}

}  // namespace

bool launch(ct_device* device, const char* call, const Launch& launch) {
  const Program* const program = find_program(launch);
  if (!program) return false;
  const Grid& grid = launch.grid;
  if (grid.y > most_grid || grid.z > most_grid) {
    return fail("%s: the grid of kernel %s is %u by %u by %u; a GPU has at most %u in y and z",
                call, program->name, grid.x, grid.y, grid.z, most_grid);
  }
  if (device->recording) return add_launch(device->recording, call, launch);
  return run_launch(emulator(device), call, *program, launch);
}

void* device_scratch(ct_device* device, const char* call, uint64_t bytes) {
  void* const scratch = reserve_scratch(device, call, bytes);
  if (!scratch) return nullptr;
  if (device->recording) return add_scratch(device->recording, call, scratch, bytes);
  spoil_scratch(scratch, bytes);
  return scratch;
}

}  // namespace ct
