// A weight file that is mapped for reading.
#pragma once
#include <stdint.h>

#include "../include/contrail.h"

struct ct_file {
  int descriptor;
  unsigned char* data;  // null for an empty file
  uint64_t bytes;
};

namespace ct {

// A mapped page past the end of a file that was cut off kills the process, so look before reading.
bool is_whole(const ct_file* file);

}  // namespace ct
