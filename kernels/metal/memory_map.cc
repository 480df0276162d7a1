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

bool MemoryMap::add(Object buffer, const void* begin) {
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
  *place = {data, buffer};
  ++count_;
  return true;
}

void MemoryMap::remove(Object buffer) {
  uint32_t i = 0;
  while (i < count_ && entries_[i].buffer != buffer) ++i;
  if (i == count_) return;
  --count_;
  memmove(entries_ + i, entries_ + i + 1, (count_ - i) * sizeof(Entry));
}

MemoryMap::Place MemoryMap::find(const void* data) const {
  const unsigned char* const address = static_cast<const unsigned char*>(data);
  const Entry& entry = entries_[after(address) - 1];
  return {entry.buffer, uint64_t(address - entry.begin)};
}

}  // namespace ct
