// Pointers of emulated kernels, which know how far their memory goes.
#pragma once
#include <stdint.h>

#include "block.h"

namespace ct {

// Elements place ... of one operand in the device's memory; `buffer` counts the kernel's operands.
template <typename T>
class Global {
 public:
  Global(T* data, uint64_t count, uint32_t buffer) : data_(data), count_(count), buffer_(buffer) {}

  T& operator[](uint64_t i) const {
    const uint64_t at = place_ + i;
    if (at >= count_) {
      Block::current().fail("reaches for element %lld of buffer %u, which has %llu",
                            (long long)at, buffer_, (unsigned long long)count_);
    }
    return data_[at];
  }

  Global operator+(uint64_t n) const {
    Global moved = *this;
    moved.place_ += n;
    return moved;
  }

 private:
  T* data_;
  uint64_t count_, place_ = 0;
  uint32_t buffer_;
};

// As Global, in the memory that the threads of a block share.
template <typename T>
class Shared {
 public:
  Shared(void* data, uint32_t count) : data_(static_cast<T*>(data)), count_(count) {}

  T& operator[](uint64_t i) const {
    const uint64_t at = place_ + i;
    if (at >= count_) {
      Block::current().fail("reaches for element %lld of a shared array of %u", (long long)at,
                            count_);
    }
    return data_[at];
  }

  Shared operator+(uint64_t n) const {
    Shared moved = *this;
    moved.place_ += n;
    return moved;
  }

 private:
  T* data_;
  uint64_t place_ = 0;
  uint32_t count_;
};

}  // namespace ct
