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

// Gives pages of a mapped file back to the system, which may keep them for the next reader: the
// process would else hold the file besides what is made of it.
void release_pages(const ct_file* file, const unsigned char* from, uint64_t bytes);

}  // namespace ct
