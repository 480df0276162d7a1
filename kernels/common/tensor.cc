#include "tensor.h"

#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "buffer.h"
#include "device.h"
#include "operands.h"
#include "packed.h"
#include "status.h"

using namespace ct;

namespace {

// Bytes from the first element of a view to the end of its last; false where it overflows.
bool view_bytes(uint64_t* bytes, uint32_t size, uint32_t rows, uint32_t columns, uint32_t stride) {
  if (!rows || !columns) {
    *bytes = 0;
    return true;
  }
  const uint64_t elements = uint64_t{rows - 1} * stride + columns;
  return !__builtin_mul_overflow(elements, uint64_t{size}, bytes);
}

bool check_view(const ct_buffer* buffer, uint32_t type, uint64_t offset, uint32_t rows,
                uint32_t columns, uint32_t stride) {
  if (type != CT_F32 && type != CT_BF16 && type != CT_I32) {
    return fail("ct_tensor_create: type is %u; pass CT_F32, CT_BF16 or CT_I32", type);
  }
  const uint32_t size = element_bytes(type);
  if (offset % size) {
    return fail("ct_tensor_create: offset is %llu; pass a multiple of the %u bytes of an element",
                (unsigned long long)offset, size);
  }
  if (stride < columns) {
    return fail("ct_tensor_create: stride is %u but columns is %u; pass at least as many", stride,
                columns);
  }
  uint64_t bytes, end;
  if (!view_bytes(&bytes, size, rows, columns, stride) ||
      __builtin_add_overflow(offset, bytes, &end)) {
    return fail("ct_tensor_create: %u rows of %u columns, stride %u, from byte %llu pass the end "
                "of the address space; pass a smaller view",
                rows, columns, stride, (unsigned long long)offset);
  }
  if (end <= buffer->bytes) return true;
  return fail("ct_tensor_create: the view ends at byte %llu but buffer has %llu; pass a smaller "
              "view",
              (unsigned long long)end, (unsigned long long)buffer->bytes);
}

// The handle of a view that was checked; null, with the error set, without memory for it.
ct_tensor* make_tensor(const char* call, const ct_tensor& view) {
  ct_tensor* tensor = static_cast<ct_tensor*>(malloc(sizeof(ct_tensor)));
  if (!tensor) {
    fail_memory("%s: out of memory; free some", call);
    return nullptr;
  }
  *tensor = view;
  view.buffer->references.fetch_add(1);
  return tensor;
}

// Checks the operands of read and write.
bool check_copy(const char* call, const ct_tensor* tensor, const void* data, uint64_t bytes) {
  const uint32_t size = is_packed(tensor->type) ? sizeof(float) : element_bytes(tensor->type);
  const uint64_t need = uint64_t{tensor->rows} * tensor->columns * size;
  if (bytes != need) {
    return fail("%s: data has %llu bytes but tensor is [%u, %u] of %s; pass %llu", call,
                (unsigned long long)bytes, tensor->rows, tensor->columns, type_name(tensor->type),
                (unsigned long long)need);
  }
  if (data || !bytes) return true;
  return fail("%s: data is missing; pass %llu bytes", call, (unsigned long long)need);
}

ct_device* device_of(const ct_tensor* tensor, const char* call) {
  if (tensor) return tensor->buffer->device;
  set_error("%s: tensor is missing; pass what ct_tensor_create gave", call);
  return nullptr;
}

}  // namespace

extern "C" {

ct_tensor* ct_tensor_create(ct_buffer* buffer, uint32_t type, uint64_t offset, uint32_t rows,
                            uint32_t columns, uint32_t stride) {
  if (!buffer) {
    set_error("ct_tensor_create: buffer is missing; pass what ct_buffer_create gave");
    return nullptr;
  }
  DeviceGuard guard(buffer->device, "ct_tensor_create", Access::recording_device);
  if (!guard || !check_view(buffer, type, offset, rows, columns, stride)) return nullptr;
  // A view without elements may lie anywhere, so it is given no address of its own.
  unsigned char* data = rows && columns ? buffer->data + offset : buffer->data;
  return make_tensor("ct_tensor_create", {buffer, data, type, rows, columns, stride, 0});
}

uint64_t ct_packed_bytes(uint32_t type, uint32_t rows, uint32_t columns, uint32_t group) {
  uint64_t bytes = 0;
  return check_packed("ct_packed_bytes", &bytes, type, rows, columns, group) ? bytes : 0;
}

ct_tensor* ct_packed_create(ct_buffer* buffer, uint32_t type, uint64_t offset, uint32_t rows,
                            uint32_t columns, uint32_t group) {
  if (!buffer) {
    set_error("ct_packed_create: buffer is missing; pass what ct_buffer_create gave");
    return nullptr;
  }
  DeviceGuard guard(buffer->device, "ct_packed_create", Access::recording_device);
  uint64_t bytes = 0;
  if (!guard || !check_packed("ct_packed_create", &bytes, type, rows, columns, group) ||
      !check_packed_view(buffer, offset, bytes)) {
    return nullptr;
  }
  unsigned char* data = rows ? buffer->data + offset : buffer->data;
  return make_tensor("ct_packed_create", {buffer, data, type, rows, columns, columns, group});
}

int32_t ct_tensor_free(ct_tensor* tensor) {
  ct_device* device = device_of(tensor, "ct_tensor_free");
  if (!device) return -1;
  bool last;
  {
    DeviceGuard guard(device, "ct_tensor_free", Access::any_device);
    if (!guard || !keep_for_recording(tensor->buffer, "ct_tensor_free")) return -1;
    last = drop_buffer(tensor->buffer);
    free(tensor);
  }
  if (last) release_device(device);
  return 0;
}

int32_t ct_tensor_write(ct_tensor* tensor, const void* data, uint64_t bytes) {
  ct_device* device = device_of(tensor, "ct_tensor_write");
  if (!device) return -1;
  DeviceGuard guard(device, "ct_tensor_write");
  if (!guard || !check_copy("ct_tensor_write", tensor, data, bytes) ||
      !is_writable("ct_tensor_write", "tensor", *tensor)) {
    return -1;
  }
  if (is_packed(tensor->type)) {
    const uint64_t row_bytes = uint64_t{tensor->columns} * sizeof(float);
    const unsigned char* const from = static_cast<const unsigned char*>(data);
    const ConvertArgs args = {typed(*tensor), from, CT_F32, row_bytes};
    return convert_elements(device, args) ? 0 : -1;
  }
  return write_elements(*tensor, data) ? 0 : -1;
}

int32_t ct_tensor_read(ct_tensor* tensor, void* data, uint64_t bytes) {
  ct_device* device = device_of(tensor, "ct_tensor_read");
  if (!device) return -1;
  DeviceGuard guard(device, "ct_tensor_read");
  if (!guard || !check_copy("ct_tensor_read", tensor, data, bytes)) return -1;
  if (is_packed(tensor->type)) {
    const UnpackArgs args = {static_cast<float*>(data), typed(*tensor)};
    return unpack_elements(device, args) ? 0 : -1;
  }
  return read_elements(*tensor, data) ? 0 : -1;
}

int32_t ct_tensor_zero(ct_tensor* tensor) {
  ct_device* device = device_of(tensor, "ct_tensor_zero");
  if (!device) return -1;
  DeviceGuard guard(device, "ct_tensor_zero");
  if (!guard || !is_writable("ct_tensor_zero", "tensor", *tensor)) return -1;
  if (is_packed(tensor->type)) {
    set_error("ct_tensor_zero: tensor is %s; write zeros to it", type_name(tensor->type));
    return -1;
  }
  return zero_elements(*tensor) ? 0 : -1;
}

}  // extern "C"
