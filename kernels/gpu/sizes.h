// What each kernel is told besides its buffers, the same for the host and for every device. Strides
// are elements from one row of a matrix to the next.
#pragma once
#if !defined(__METAL_VERSION__)
#include <stdint.h>
#endif

struct NormSizes {
  uint64_t out_stride, x_stride;
  uint32_t columns;
  float epsilon;
};
