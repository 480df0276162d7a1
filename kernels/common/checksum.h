// A checksum of memory, fast enough to be no part of the time that a file takes to load.
#pragma once
#include <stdint.h>

#include "thread_pool.h"

namespace ct {

constexpr uint64_t checksum_block = 1024 * 1024;

// Any single word that differs makes another sum; it is no protection against somebody who wants
// the sums to be equal.
class Checksum {
 public:
  explicit Checksum(uint64_t bytes) : total_(bytes) {}  // of all that will be added

  // The next bytes: whole blocks, but for the last. False, with the error set, without memory.
  bool add(ThreadPool& pool, const unsigned char* data, uint64_t bytes);

  uint64_t value() const { return total_ ? total_ : 1; }

 private:
  uint64_t total_;
};

}  // namespace ct
