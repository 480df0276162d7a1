// The CPU's kernels for this, with vectors that every processor has.
#include "host_kernels.h"

#define CT_TARGET host_kernels
#define CT_LANES 4
#include "../../cpu/convert.cc"
#include "../../cpu/packed.cc"
