// Which of Metal's buffers an address is in: kernels are given addresses, Metal wants buffers.
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
  bool add(Object buffer, const void* begin);
  void remove(Object buffer);

  // The buffer that begins last before an address, which is in it.
  Place find(const void* data) const;

 private:
  struct Entry {
    const unsigned char* begin;
    Object buffer;
  };
  uint32_t after(const unsigned char* data) const;

  Entry* entries_ = nullptr;  // by address
  uint32_t count_ = 0, capacity_ = 0;
};

}  // namespace ct
