#include "memory_map.h"

#include <stdlib.h>
#include <string.h>

namespace ct {

MemoryMap::~MemoryMap() { free(entries_); }

// The first entry that begins after an address.
uint32_t MemoryMap::after(const unsigned char* data) const {
  uint32_t low = 0, high = count_;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (entries_[middle].begin <= data) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool MemoryMap::add(Object buffer, const void* begin, uint64_t bytes) {
  if (count_ == capacity_) {
    const uint32_t capacity = capacity_ ? 2 * capacity_ : 64;
    void* const entries = realloc(entries_, capacity * sizeof(Entry));
    if (!entries) return false;
    entries_ = static_cast<Entry*>(entries);
    capacity_ = capacity;
  }
  const unsigned char* const data = static_cast<const unsigned char*>(begin);
  Entry* const place = entries_ + after(data);
  memmove(place + 1, place, uint64_t(entries_ + count_ - place) * sizeof(Entry));
  *place = {data, bytes, buffer};
  ++count_;
  return true;
}

Object MemoryMap::take(const void* begin, uint64_t bytes) {
  const unsigned char* const data = static_cast<const unsigned char*>(begin);
  const uint32_t end = bytes ? after(data + bytes - 1) : 0;
  if (!end || entries_[end - 1].begin < data) return nullptr;
  const Object buffer = entries_[end - 1].buffer;
  memmove(entries_ + end - 1, entries_ + end, (count_ - end) * sizeof(Entry));
  --count_;
  return buffer;
}

// The one that begins last before an address has it, unless that is a part of a file's tensor.
MemoryMap::Place MemoryMap::find(const void* data, uint64_t bytes) const {
  const unsigned char* const address = static_cast<const unsigned char*>(data);
  for (uint32_t i = after(address); i > 0; --i) {
    const Entry& entry = entries_[i - 1];
    const uint64_t offset = uint64_t(address - entry.begin);
    if (offset <= entry.bytes && bytes <= entry.bytes - offset) return {entry.buffer, offset};
  }
  return {nullptr, 0};
}

}  // namespace ct
