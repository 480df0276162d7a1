// Pointers of emulated kernels, which know how far their memory goes.
#pragma once
#include <stdint.h>

#include "block.h"

namespace ct {

// Elements of one operand in the device's memory, from some place on; `buffer` counts the operands
// of the kernel.
template <typename T>
class Global {
 public:
  Global(const void* data, uint64_t bytes, uint32_t buffer)
      : data_(static_cast<T*>(const_cast<void*>(data))),
        count_(bytes / sizeof(T)),
        buffer_(buffer) {}

  operator Global<const T>() const {
    Global<const T> same(data_, count_ * sizeof(T), buffer_);
    return same + place_;
  }

  explicit operator bool() const { return data_ != nullptr; }

  T& operator[](uint64_t i) const {
    const uint64_t at = place_ + i;
    if (at >= count_) {
      Block::current().fail("reaches for element %lld of buffer %u, which has %llu",
                            (long long)at, buffer_, (unsigned long long)count_);
    }
    return data_[at];
  }

  // Where `bytes` bytes are that a device reads or writes at once.
  T* vector(uint64_t bytes) const {
    T* const first = &(*this)[0];
    (*this)[bytes / sizeof(T) - 1];
    if (reinterpret_cast<uintptr_t>(first) % bytes) {
      Block::current().fail("takes %llu bytes of buffer %u at once from element %lld, where no "
                            "multiple of as many is",
                            (unsigned long long)bytes, buffer_, (long long)place_);
    }
    return first;
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

  // Where `bytes` bytes are that a device reads at once.
  const T* vector(uint64_t bytes) const {
    const T* const first = &(*this)[0];
    (*this)[bytes / sizeof(T) - 1];
    if (reinterpret_cast<uintptr_t>(first) % bytes) {
      Block::current().fail("reads %llu bytes of a shared array at once from element %lld, where "
                            "no multiple of as many is",
                            (unsigned long long)bytes, (long long)place_);
    }
    return first;
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
