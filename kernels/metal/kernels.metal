// The kernels of gpu/ for Metal.
#include "../gpu/prelude_metal.h"

#include "../gpu/kernels.h"
