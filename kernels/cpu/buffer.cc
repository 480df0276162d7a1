// Memory: allocated, or a file's contents, and read as it is.
#include "buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <new>

#include "../common/status.h"
#include "checksum.h"
#include "device.h"
#include "file.h"

using namespace ct;

namespace {

constexpr uint64_t alignment = 256;
// From here on memory is mapped: zeroed by the system page by page as it is first touched, and in
// huge pages where the system has them, without which reading weights stalls on address
// translation.
constexpr uint64_t mapped_from = 64 * 1024;
constexpr uint64_t huge_page = 2 * 1024 * 1024;

bool map_memory(ct_buffer* buffer) {
  const uint64_t padding = buffer->bytes >= 2 * huge_page ? huge_page : 0;
  uint64_t length;
  if (__builtin_add_overflow(buffer->bytes, padding, &length)) return false;
  void* mapping = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (mapping == MAP_FAILED) return false;
  const uint64_t address = reinterpret_cast<uintptr_t>(mapping);
  const uint64_t skipped = padding ? (huge_page - address % huge_page) % huge_page : 0;
  buffer->mapping = mapping;
  buffer->mapping_bytes = length;
  buffer->data = static_cast<unsigned char*>(mapping) + skipped;
#if defined(MADV_HUGEPAGE)
  if (padding) madvise(buffer->data, buffer->bytes, MADV_HUGEPAGE);
#endif
  return true;
}

bool allocate_memory(ct_buffer* buffer) {
  if (buffer->bytes >= mapped_from) return map_memory(buffer);
  const uint64_t bytes = buffer->bytes ? buffer->bytes : 1;
  if (posix_memalign(&buffer->mapping, alignment, bytes)) return false;
  memset(buffer->mapping, 0, bytes);
  buffer->data = static_cast<unsigned char*>(buffer->mapping);
  return true;
}

void free_memory(ct_buffer* buffer) {
  if (buffer->mapping_bytes) {
    munmap(buffer->mapping, buffer->mapping_bytes);
  } else {
    free(buffer->mapping);
  }
}

// The file's bytes; a page that is written to becomes memory of the process, and not of the file.
bool map_contents(ct_buffer* buffer, const ct_file* file) {
  constexpr int protection = PROT_READ | PROT_WRITE;
  void* mapping = mmap(nullptr, file->bytes, protection, MAP_PRIVATE, file->descriptor, 0);
  if (mapping == MAP_FAILED) return false;
  buffer->mapping = mapping;
  buffer->mapping_bytes = file->bytes;
  buffer->data = static_cast<unsigned char*>(mapping);
  return true;
}

bool check_map(const ct_file* file) {
  if (!file) return fail("ct_buffer_map: file is missing; pass what ct_file_open gave");
  if (!file->bytes) return fail("ct_buffer_map: file is empty; pass one with contents");
  if (is_whole(file)) return true;
  return fail("ct_buffer_map: file was cut off since it was opened; open it again");
}

// A buffer without memory yet; null without memory for itself.
ct_buffer* new_buffer(ct_device* device, uint64_t bytes) {
  void* memory = malloc(sizeof(ct_buffer));
  return memory ? new (memory) ct_buffer{{1}, device, nullptr, bytes, nullptr, 0} : nullptr;
}

bool check_range(const char* call, const ct_buffer* buffer, uint64_t offset, uint64_t bytes) {
  uint64_t end;
  if (!__builtin_add_overflow(offset, bytes, &end) && end <= buffer->bytes) return true;
  return fail("%s: %llu bytes from byte %llu are wanted but buffer has %llu; pass a range inside "
              "it",
              call, (unsigned long long)bytes, (unsigned long long)offset,
              (unsigned long long)buffer->bytes);
}

ct_device* device_of(const ct_buffer* buffer, const char* call) {
  if (buffer) return buffer->device;
  set_error("%s: buffer is missing; pass what ct_buffer_create gave", call);
  return nullptr;
}

}  // namespace

bool ct::drop_buffer(ct_buffer* buffer) {
  if (buffer->references.fetch_sub(1) != 1) return false;
  free_memory(buffer);
  buffer->~ct_buffer();
  free(buffer);
  return true;
}

extern "C" {

ct_buffer* ct_buffer_create(ct_device* device, uint64_t bytes) {
  DeviceGuard guard(device, "ct_buffer_create");
  if (!guard) return nullptr;
  ct_buffer* buffer = new_buffer(device, bytes);
  if (buffer && allocate_memory(buffer)) {
    device->references.fetch_add(1);
    return buffer;
  }
  free(buffer);
  set_error("ct_buffer_create: out of memory for %llu bytes; ask for less or free some",
            (unsigned long long)bytes);
  return nullptr;
}

ct_buffer* ct_buffer_map(ct_device* device, ct_file* file) {
  DeviceGuard guard(device, "ct_buffer_map");
  if (!guard || !check_map(file)) return nullptr;
  ct_buffer* buffer = new_buffer(device, file->bytes);
  if (buffer && map_contents(buffer, file)) {
    device->references.fetch_add(1);
    return buffer;
  }
  set_error("ct_buffer_map: cannot map the %llu bytes of file: %s",
            (unsigned long long)file->bytes, strerror(errno));
  free(buffer);
  return nullptr;
}

int32_t ct_buffer_read(ct_buffer* buffer, uint64_t offset, void* data, uint64_t bytes) {
  ct_device* device = device_of(buffer, "ct_buffer_read");
  if (!device) return -1;
  DeviceGuard guard(device, "ct_buffer_read");
  if (!guard || !check_range("ct_buffer_read", buffer, offset, bytes)) return -1;
  if (!data && bytes) {
    set_error("ct_buffer_read: data is missing; pass %llu bytes", (unsigned long long)bytes);
    return -1;
  }
  if (bytes) memcpy(data, buffer->data + offset, bytes);
  return 0;
}

uint64_t ct_buffer_checksum(ct_buffer* buffer, uint64_t offset, uint64_t bytes) {
  ct_device* device = device_of(buffer, "ct_buffer_checksum");
  if (!device) return 0;
  DeviceGuard guard(device, "ct_buffer_checksum");
  if (!guard || !check_range("ct_buffer_checksum", buffer, offset, bytes)) return 0;
  return checksum(device->pool, buffer->data + offset, bytes);
}

int32_t ct_buffer_free(ct_buffer* buffer) {
  if (!buffer) {
    set_error("ct_buffer_free: buffer is missing; pass what ct_buffer_create gave");
    return -1;
  }
  ct_device* device = buffer->device;
  bool last;
  {
    DeviceGuard guard(device, "ct_buffer_free", Access::any_device);
    if (!guard) return -1;
    last = drop_buffer(buffer);
  }
  if (last) release_device(device);
  return 0;
}

}  // extern "C"
