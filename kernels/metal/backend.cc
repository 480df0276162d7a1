// What common/ asks of a backend, on a Metal device: the host's own ways, once the GPU is done.
#include "../common/backend.h"

#include <stdlib.h>
#include <string.h>

#include <new>

#include "../common/host_memory.h"
#include "../common/status.h"
#include "../gpu/host/host_indices.h"
#include "../gpu/host/host_kernels.h"
#include "device.h"

namespace ct {

void list_instruction_sets(char (&names)[names_bytes]) { strcpy(names, "metal"); }

Opening make_device(ct_device** device, const char* instruction_set) {
  if (strcmp(instruction_set, "auto") && strcmp(instruction_set, "metal")) return Opening::unknown;
  void* const memory = malloc(sizeof(MetalDevice));
  if (!memory) return Opening::no_memory;
  MetalDevice* const made = new (memory) MetalDevice;
  *device = made;
  if (made->open()) return Opening::made;
  destroy_device(made);
  return Opening::failed;
}

void destroy_device(ct_device* device) {
  metal(device).~MetalDevice();
  free(device);
}

bool allocate_memory(ct_buffer* buffer, const char* call, const char* what) {
  void* const memory = metal(buffer->device).allocate(call, what, buffer->bytes);
  buffer->data = static_cast<unsigned char*>(memory);
  return memory != nullptr;
}

// Commands that use the buffer hold it until they are done, but not the pages of a file.
void free_memory(ct_buffer* buffer) {
  MetalDevice& device = metal(buffer->device);
  free_host_indices(buffer);
  if (buffer->read_only) device.finish();
  device.free_buffers(buffer->data, buffer->bytes);
  if (buffer->read_only) free_host_memory(buffer);
}

uint64_t memory_left(ct_device* device) { return metal(device).bytes_left(); }

bool map_contents(ct_buffer* buffer, const ct_file* file) {
  if (!map_host_contents(buffer, file)) return false;
  if (metal(buffer->device).wrap_file(buffer->data, buffer->bytes)) return true;
  free_host_memory(buffer);
  return false;
}

const unsigned char* host_view(const ct_buffer& buffer, uint64_t offset, uint64_t*) {
  return metal(buffer.device).finish() ? buffer.data + offset : nullptr;
}

bool write_elements(const ct_tensor& tensor, const void* from) {
  if (!metal(tensor.buffer->device).finish()) return false;
  write_host_elements(tensor, from);
  return keep_host_indices(tensor, from);
}

bool read_elements(const ct_tensor& tensor, void* to) {
  if (!metal(tensor.buffer->device).finish()) return false;
  read_host_elements(tensor, to);
  return true;
}

bool zero_elements(const ct_tensor& tensor) {
  if (!metal(tensor.buffer->device).finish()) return false;
  zero_host_elements(tensor);
  return keep_host_indices(tensor, nullptr);
}

bool convert_elements(ct_device* device, const ConvertArgs& args) {
  return metal(device).finish() && host_kernels::convert(device->pool, args);
}

bool repack_elements(ct_device* device, const RepackArgs& args) {
  return metal(device).finish() && host_kernels::repack(device->pool, args);
}

bool unpack_elements(ct_device* device, const UnpackArgs& args) {
  return metal(device).finish() && host_kernels::unpack(device->pool, args);
}

}  // namespace ct
