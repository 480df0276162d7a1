// A CUDA device: one context, one stream on which everything runs in order, the kernels, and the
// pinned memory through which everything is copied.
#pragma once
#include "../common/device.h"
#include "../gpu/host/launch.h"
#include "arena.h"
#include "driver.h"

namespace ct {

struct CudaDevice : ct_device {
  // Opens one of the GPUs that the driver shows, which are numbered from 0. False, with the error
  // set, where there is none or it cannot run the kernels.
  bool open(int ordinal);
  ~CudaDevice();

  // Waits for all that was begun. False, with the error set, where some of it failed.
  bool finish();

  // Pinned memory for `bytes` bytes, aligned to 256, that no copy uses and that is the caller's
  // until the next call. Null, with the error set, where it cannot be had.
  unsigned char* take_staging(uint64_t bytes);

  // Begins a copy from memory that take_staging() gave, and that must not be written any more.
  bool copy_up(CudaAddress to, const void* staged, uint64_t bytes);

  // The GPU's memory as it is once all that was begun is done, in staging memory; null, with the
  // error set, where that failed.
  unsigned char* copy_down(CudaAddress from, uint64_t bytes);

  // Memory of the GPU; 0, with the error set, where it cannot be had. `call` and `what` are for
  // the error.
  CudaAddress allocate(const char* call, const char* what, uint64_t bytes);

  // Takes back what allocate() gave; what was begun may still use it.
  void give_back(CudaAddress address, uint64_t bytes);

  // The error of something that was done for `what`; false.
  bool failed(const char* what, int error);

  CudaDriver driver{};
  CudaArena arena;
  int index = 0;
  CudaHandle context = nullptr, stream = nullptr, module = nullptr;
  CudaHandle kernels[uint32_t(Kernel::count)] = {};
  char description[160] = "";
  unsigned char* staging = nullptr;
  uint64_t staging_bytes = 0, staging_used = 0;
  // What was launched last, for the error of a kernel, which shows only later.
  const char *last_call = nullptr, *last_kernel = nullptr;

 private:
  bool open_context(int ordinal);
  bool load_kernels();
};

// The device, whose context is from now on the calling thread's.
CudaDevice& cuda(ct_device* device);

inline CudaAddress address_of(const void* data) { return reinterpret_cast<uintptr_t>(data); }

}  // namespace ct
