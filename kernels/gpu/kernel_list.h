// The name of every kernel, in the order in which the host counts them.
#pragma once

#define CT_KERNELS(X) \
  X(rms_norm)
