#include "device.h"

#include <stdlib.h>
#include <string.h>

#include <new>

#include "../common/backend.h"
#include "../common/host_memory.h"
#include "instruction_sets.h"

namespace ct {
namespace {

const KernelTable* find_kernels(const char* name) {
  const bool best = !strcmp(name, "auto");
  for (uint32_t i = 0; i < instruction_set_count; ++i) {
    const InstructionSet& set = instruction_sets[i];
    if ((best || !strcmp(name, set.kernels->name)) && set.is_supported()) return set.kernels;
  }
  return nullptr;
}

}  // namespace

void list_instruction_sets(char (&names)[names_bytes]) {
  names[0] = 0;
  for (uint32_t i = 0; i < instruction_set_count; ++i) {
    if (!instruction_sets[i].is_supported()) continue;
    if (names[0]) strncat(names, " ", names_bytes - strlen(names) - 1);
    strncat(names, instruction_sets[i].kernels->name, names_bytes - strlen(names) - 1);
  }
}

Opening make_device(ct_device** device, const char* instruction_set) {
  const KernelTable* kernels = find_kernels(instruction_set);
  if (!kernels) return Opening::unknown;
  void* memory = malloc(sizeof(CpuDevice));
  if (!memory) return Opening::no_memory;
  CpuDevice* made = new (memory) CpuDevice;
  made->name = kernels->name;
  made->kernels = kernels;
  *device = made;
  return Opening::made;
}

void destroy_device(ct_device* device) {
  static_cast<CpuDevice*>(device)->~CpuDevice();
  free(device);
}

bool allocate_memory(ct_buffer* buffer, const char* call, const char* what) {
  return allocate_host_memory(buffer, call, what);
}
void free_memory(ct_buffer* buffer) { free_host_memory(buffer); }

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
  return true;
}

bool read_elements(const ct_tensor& tensor, void* to) {
  read_host_elements(tensor, to);
  return true;
}

bool zero_elements(const ct_tensor& tensor) {
  zero_host_elements(tensor);
  return true;
}

bool convert_elements(ct_device* device, const ConvertArgs& args) {
  return kernels_of(device).convert(device->pool, args);
}

bool repack_elements(ct_device* device, const RepackArgs& args) {
  return kernels_of(device).repack(device->pool, args);
}

bool unpack_elements(ct_device* device, const UnpackArgs& args) {
  return kernels_of(device).unpack(device->pool, args);
}

const int32_t* index_values(const ct_tensor& tensor) {
  return static_cast<const int32_t*>(tensor.data);
}

void forget_indices(const ct_tensor&) {}

}  // namespace ct
