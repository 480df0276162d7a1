// The kernels of gpu/ for CUDA.
#include "../gpu/prelude_cuda.h"

#include "../gpu/kernels.h"
