// Which of Metal's buffers an address is in: kernels are given addresses, Metal wants buffers. A
// file's buffers may overlap.
#pragma once
#include <stdint.h>

#include "objective_c.h"

namespace ct {

class MemoryMap {
 public:
  struct Place {
    Object buffer;
    uint64_t offset;
  };

  MemoryMap() = default;
  ~MemoryMap();
  MemoryMap(const MemoryMap&) = delete;
  MemoryMap& operator=(const MemoryMap&) = delete;

  // False without memory.
  bool add(Object buffer, const void* begin, uint64_t bytes);

  // Takes out a buffer that begins in these bytes; null where none does.
  Object take(const void* begin, uint64_t bytes);

  // A buffer that has all of these bytes; null where none does.
  Place find(const void* data, uint64_t bytes) const;

 private:
  struct Entry {
    const unsigned char* begin;
    uint64_t bytes;
    Object buffer;
  };
  uint32_t after(const unsigned char* data) const;

  Entry* entries_ = nullptr;  // by address
  uint32_t count_ = 0, capacity_ = 0;
};

}  // namespace ct
