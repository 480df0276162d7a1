// Weight files: mapped, and converted into tensors by all threads.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/status.h"
#include "../common/tensor.h"
#include "device.h"

struct ct_file {
  int descriptor;
  unsigned char* data;  // null for an empty file
  uint64_t bytes;
};

using namespace ct;

namespace {

bool map_file(ct_file* file, const char* path) {
  struct stat status;
  if (fstat(file->descriptor, &status)) {
    return fail("ct_file_open: cannot inspect \"%.700s\": %s", path, strerror(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail("ct_file_open: \"%.700s\" is %s; pass the path of a file", path,
                S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
  }
  file->bytes = uint64_t(status.st_size);
  if (!file->bytes) return true;
  void* data = mmap(nullptr, file->bytes, PROT_READ, MAP_PRIVATE, file->descriptor, 0);
  if (data == MAP_FAILED) {
    return fail("ct_file_open: cannot map the %llu bytes of \"%.700s\": %s",
                (unsigned long long)file->bytes, path, strerror(errno));
  }
  file->data = static_cast<unsigned char*>(data);
  return true;
}

// A mapped page past the end of a file that was cut off kills the process, so look before reading.
bool is_whole(const ct_file* file) {
  struct stat status;
  return !fstat(file->descriptor, &status) && uint64_t(status.st_size) >= file->bytes;
}

bool check_load(ConvertArgs& args, const ct_tensor* tensor, const ct_file* file, uint64_t offset,
                uint32_t source_type, uint32_t row_step) {
  if (!file) return fail("ct_tensor_load: file is missing; pass what ct_file_open gave");
  if (tensor->type != CT_F32 && tensor->type != CT_BF16) {
    return fail("ct_tensor_load: tensor is %s; pass one of f32 or bf16", type_name(tensor->type));
  }
  if (source_type != CT_F32 && source_type != CT_BF16 && source_type != CT_F16) {
    return fail("ct_tensor_load: source_type is %u; pass CT_F32, CT_BF16 or CT_F16", source_type);
  }
  if (!row_step) return fail("ct_tensor_load: row_step is 0; pass 1 or more");
  const uint64_t row_bytes = uint64_t{tensor->columns} * element_bytes(source_type);
  const uint64_t steps = tensor->rows ? uint64_t{tensor->rows - 1} * row_step + 1 : 0;
  uint64_t bytes, end;
  if (__builtin_mul_overflow(steps, row_bytes, &bytes) ||
      __builtin_add_overflow(offset, bytes, &end) || end > file->bytes) {
    return fail("ct_tensor_load: tensor needs %u rows of %llu bytes, step %u, from byte %llu but "
                "file has %llu bytes; pass a range inside it",
                tensor->rows, (unsigned long long)row_bytes, row_step, (unsigned long long)offset,
                (unsigned long long)file->bytes);
  }
  if (!is_whole(file)) {
    return fail("ct_tensor_load: file was cut off since it was opened; open it again");
  }
  args = {{tensor->data, tensor->type, tensor->rows, tensor->columns, tensor->stride},
          bytes ? file->data + offset : nullptr, source_type, row_bytes * row_step};
  return true;
}

}  // namespace

extern "C" {

ct_file* ct_file_open(const char* path) {
  if (!path) {
    set_error("ct_file_open: path is missing; pass the path of a file");
    return nullptr;
  }
  ct_file* file = static_cast<ct_file*>(calloc(1, sizeof(ct_file)));
  if (!file) {
    set_error("ct_file_open: out of memory; free some");
    return nullptr;
  }
  // Without O_NONBLOCK a pipe in place of a file would hang the caller.
  file->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file->descriptor < 0) {
    set_error("ct_file_open: cannot open \"%.700s\": %s", path, strerror(errno));
    free(file);
    return nullptr;
  }
  if (map_file(file, path)) return file;
  close(file->descriptor);
  free(file);
  return nullptr;
}

uint64_t ct_file_bytes(ct_file* file) {
  if (file) return file->bytes;
  set_error("ct_file_bytes: file is missing; pass what ct_file_open gave");
  return 0;
}

int32_t ct_file_close(ct_file* file) {
  if (!file) {
    set_error("ct_file_close: file is missing; pass what ct_file_open gave");
    return -1;
  }
  if (file->data) munmap(file->data, file->bytes);
  close(file->descriptor);
  free(file);
  return 0;
}

int32_t ct_tensor_load(ct_tensor* tensor, ct_file* file, uint64_t offset, uint32_t source_type,
                       uint32_t row_step) {
  if (!tensor) {
    set_error("ct_tensor_load: tensor is missing; pass what ct_tensor_create gave");
    return -1;
  }
  ct_device* device = tensor->buffer->device;
  DeviceGuard guard(device, "ct_tensor_load");
  ConvertArgs args;
  if (!guard || !check_load(args, tensor, file, offset, source_type, row_step)) return -1;
  return device->kernels->convert(device->pool, args) ? 0 : -1;
}

}  // extern "C"
