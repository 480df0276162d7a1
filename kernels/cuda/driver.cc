#include "driver.h"

#include <dlfcn.h>
#include <stdio.h>

#include "../common/status.h"

namespace ct {

// The library stays open: the driver does not bear to be closed.
bool CudaDriver::open() {
  void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    return fail("ct_device_open: there is no NVIDIA driver (%.300s); install it, or use another "
                "device",
                dlerror());
  }
#define CT_CUDA_FIND(name, symbol, parameters)                                                  \
  name = reinterpret_cast<int(*) parameters>(dlsym(library, #symbol));                          \
  if (!name) {                                                                                  \
    return fail("ct_device_open: the NVIDIA driver has no " #symbol "; install a newer one");   \
  }
  CT_CUDA_FUNCTIONS(CT_CUDA_FIND)
#undef CT_CUDA_FIND
  return true;
}

CudaDriver::ErrorText CudaDriver::describe(int error) const {
  const char *name = nullptr, *text = nullptr;
  if (error_name(error, &name) != cuda_success || !name) name = "an unknown error";
  if (error_text(error, &text) != cuda_success || !text) text = "the driver says no more";
  ErrorText described;
  snprintf(described.text, sizeof described.text, "%s (%s)", name, text);
  return described;
}

}  // namespace ct
