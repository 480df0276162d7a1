// Memory: allocated, or a file's contents, and read as it is.
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

#include <new>

#include "backend.h"
#include "checksum.h"
#include "device.h"
#include "file.h"
#include "status.h"

using namespace ct;

namespace {

bool check_map(const ct_file* file) {
  if (!file) return fail("ct_buffer_map: file is missing; pass what ct_file_open gave");
  if (!file->bytes) return fail("ct_buffer_map: file is empty; pass one with contents");
  if (is_whole(file)) return true;
  return fail("ct_buffer_map: file was cut off since it was opened; open it again");
}

void out_of_memory(const char* call, uint64_t bytes) {
  fail_memory("%s: out of memory for %llu bytes; ask for less or free some", call,
              (unsigned long long)bytes);
}

// A buffer without memory yet; null, with the error set, without memory for itself.
ct_buffer* new_buffer(const char* call, ct_device* device, uint64_t bytes) {
  void* memory = malloc(sizeof(ct_buffer));
  if (!memory) {
    out_of_memory(call, bytes);
    return nullptr;
  }
  return new (memory) ct_buffer{{1}, device, nullptr, bytes, nullptr, 0, false, nullptr, false};
}

bool check_range(const char* call, const ct_buffer* buffer, uint64_t offset, uint64_t bytes) {
  uint64_t end;
  if (!__builtin_add_overflow(offset, bytes, &end) && end <= buffer->bytes) return true;
  return fail("%s: %llu bytes from byte %llu are wanted but buffer has %llu; pass a range inside "
              "it",
              call, (unsigned long long)bytes, (unsigned long long)offset,
              (unsigned long long)buffer->bytes);
}

// Calls body(bytes in the host's memory, how many) for a range of a buffer, in order, until it
// returns false. False, with the error set, then or where the device fails.
template <typename Body>
bool for_parts(const ct_buffer& buffer, uint64_t offset, uint64_t bytes, const Body& body) {
  for (uint64_t done = 0; done < bytes;) {
    uint64_t part = bytes - done;
    const unsigned char* const data = host_view(buffer, offset + done, &part);
    if (!data || !body(data, part)) return false;
    done += part;
  }
  return true;
}

ct_device* device_of(const ct_buffer* buffer, const char* call) {
  if (buffer) return buffer->device;
  set_error("%s: buffer is missing; pass what ct_buffer_create gave", call);
  return nullptr;
}

}  // namespace

ct_buffer* ct::make_buffer(ct_device* device, const char* call, const char* what, uint64_t bytes) {
  ct_buffer* buffer = new_buffer(call, device, bytes);
  if (!buffer) return nullptr;
  if (allocate_memory(buffer, call, what)) {
    device->references.fetch_add(1);
    return buffer;
  }
  free(buffer);
  return nullptr;
}

bool ct::is_writable(const char* call, const char* operand, const ct_tensor& tensor) {
  if (!tensor.buffer->read_only) return true;
  return fail("%s: %s is in a mapped file, which is only read; pass a tensor that is in none", call,
              operand);
}

bool ct::keep_for_recording(ct_buffer* buffer, const char* call) {
  ct_recording* const recording = buffer->device->recording;
  return !recording || hold_buffer(recording, call, buffer);
}

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
  return guard ? make_buffer(device, "ct_buffer_create", "", bytes) : nullptr;
}

ct_buffer* ct_buffer_map(ct_device* device, ct_file* file) {
  DeviceGuard guard(device, "ct_buffer_map");
  if (!guard || !check_map(file)) return nullptr;
  ct_buffer* buffer = new_buffer("ct_buffer_map", device, file->bytes);
  if (!buffer) return nullptr;
  if (map_contents(buffer, file)) {
    buffer->read_only = true;
    buffer->indices_lost = true;  // a GPU's host keeps no copy of those in a file
    device->references.fetch_add(1);
    return buffer;
  }
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
  unsigned char* to = static_cast<unsigned char*>(data);
  const auto copy = [&](const unsigned char* from, uint64_t part) {
    memcpy(to, from, part);
    to += part;
    return true;
  };
  return for_parts(*buffer, offset, bytes, copy) ? 0 : -1;
}

uint64_t ct_buffer_checksum(ct_buffer* buffer, uint64_t offset, uint64_t bytes) {
  ct_device* device = device_of(buffer, "ct_buffer_checksum");
  if (!device) return 0;
  DeviceGuard guard(device, "ct_buffer_checksum");
  if (!guard || !check_range("ct_buffer_checksum", buffer, offset, bytes)) return 0;
  Checksum sum(bytes);
  const auto add = [&](const unsigned char* from, uint64_t part) {
    return sum.add(device->pool, from, part);
  };
  return for_parts(*buffer, offset, bytes, add) ? sum.value() : 0;
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
    if (!guard || !keep_for_recording(buffer, "ct_buffer_free")) return -1;
    last = drop_buffer(buffer);
  }
  if (last) release_device(device);
  return 0;
}

}  // extern "C"
