#include "host_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "status.h"

namespace ct {
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

}  // namespace

bool allocate_host_memory(ct_buffer* buffer, const char* call, const char* what) {
  const uint64_t bytes = buffer->bytes ? buffer->bytes : 1;
  const bool is_mapped = bytes >= mapped_from;
  if (is_mapped ? !map_memory(buffer) : posix_memalign(&buffer->mapping, alignment, bytes) != 0) {
    return fail_memory("%s: out of memory for %llu bytes%s; ask for less or free some", call,
                       (unsigned long long)buffer->bytes, what);
  }
  if (is_mapped) return true;
  memset(buffer->mapping, 0, bytes);
  buffer->data = static_cast<unsigned char*>(buffer->mapping);
  return true;
}

void free_host_memory(ct_buffer* buffer) {
  if (buffer->mapping_bytes) {
    munmap(buffer->mapping, buffer->mapping_bytes);
  } else {
    free(buffer->mapping);
  }
}

// Shared, so that a GPU that reads the host's memory has no reason to copy pages.
bool map_host_contents(ct_buffer* buffer, const ct_file* file) {
  void* mapping = mmap(nullptr, file->bytes, PROT_READ, MAP_SHARED, file->descriptor, 0);
  if (mapping == MAP_FAILED) {
    return fail("ct_buffer_map: cannot map the %llu bytes of file: %s",
                (unsigned long long)file->bytes, strerror(errno));
  }
  buffer->mapping = mapping;
  buffer->mapping_bytes = file->bytes;
  buffer->data = static_cast<unsigned char*>(mapping);
  return true;
}

void write_host_elements(const ct_tensor& tensor, const void* data) {
  const unsigned char* from = static_cast<const unsigned char*>(data);
  for_rows(tensor, [&](unsigned char* row, uint64_t width, uint64_t offset) {
    memcpy(row, from + offset, width);
    return true;
  });
}

void read_host_elements(const ct_tensor& tensor, void* data) {
  unsigned char* to = static_cast<unsigned char*>(data);
  for_rows(tensor, [&](unsigned char* row, uint64_t width, uint64_t offset) {
    memcpy(to + offset, row, width);
    return true;
  });
}

void zero_host_elements(const ct_tensor& tensor) {
  for_rows(tensor, [](unsigned char* row, uint64_t width, uint64_t) {
    memset(row, 0, width);
    return true;
  });
}

}  // namespace ct
