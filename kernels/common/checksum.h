// A checksum of memory, fast enough to be no part of the time that a file takes to load.
#pragma once
#include <stdint.h>

#include "thread_pool.h"

namespace ct {

// Never 0, unless there is no memory for it and the error is set. Any single word that differs
// makes another sum; it is no protection against somebody who wants the sums to be equal.
uint64_t checksum(ThreadPool& pool, const unsigned char* data, uint64_t bytes);

}  // namespace ct
