#include "device.h"

#include <stdio.h>

#include "../common/status.h"

// The kernels as nvcc compiled them: see kernels.S.
extern "C" const unsigned char ct_cuda_kernels[];

namespace ct {
namespace {

constexpr uint64_t least_staging = 16 * 1024 * 1024;
constexpr uint64_t alignment = 256;

}  // namespace

CudaDevice& cuda(ct_device* device) {
  CudaDevice& self = *static_cast<CudaDevice*>(device);
  self.driver.context_use(self.context);
  return self;
}

bool CudaDevice::failed(const char* what, int error) {
  const CudaDriver::ErrorText why = driver.describe(error);
  if (!last_kernel) return fail("%s failed on the GPU: %s", what, why.text);
  return fail("%s failed on the GPU: %s; the kernel launched last was %s of %s", what, why.text,
              last_kernel, last_call);
}

bool CudaDevice::open(int ordinal) {
  return driver.open() && open_context(ordinal) && load_kernels();
}

bool CudaDevice::open_context(int ordinal) {
  int count = 0;
  int error = driver.init(0);
  if (error == cuda_success) error = driver.device_count(&count);
  if (error == cuda_success && count && ordinal >= count) {
    return fail("ct_device_open: instruction_set is \"cuda:%d\" but the NVIDIA driver shows %d; "
                "pass a number from 0 to %d",
                ordinal, count, count - 1);
  }
  if (error == cuda_success) error = driver.device_get(&index, ordinal);
  if (error != cuda_success) {
    return fail("ct_device_open: the NVIDIA driver shows no GPU: %s; use another device",
                driver.describe(error).text);
  }
  char model[100] = "";
  int major = 0, minor = 0;
  driver.device_name(model, sizeof model, index);
  driver.device_attribute(&major, cuda_major_attribute, index);
  driver.device_attribute(&minor, cuda_minor_attribute, index);
  snprintf(description, sizeof description, "sm_%d%d %s", major, minor, model);
  name = description;
  error = driver.context_retain(&context, index);
  if (error == cuda_success) error = driver.context_use(context);
  if (error == cuda_success) error = driver.stream_create(&stream, cuda_stream_apart);
  if (error == cuda_success) return true;
  return fail("ct_device_open: %s cannot be used: %s", description, driver.describe(error).text);
}

bool CudaDevice::load_kernels() {
#define CT_KERNEL_SYMBOL(name) "ct_" #name,
  static constexpr const char* symbols[] = {CT_KERNELS(CT_KERNEL_SYMBOL)};
#undef CT_KERNEL_SYMBOL
  int error = driver.module_load(&module, ct_cuda_kernels);
  if (error != cuda_success) {
    return fail("ct_device_open: %s cannot load the kernels: %s; use a GPU of sm_75 or newer, with "
                "a driver for CUDA 13",
                description, driver.describe(error).text);
  }
  for (uint32_t i = 0; i < uint32_t(Kernel::count); ++i) {
    error = driver.module_function(&kernels[i], module, symbols[i]);
    if (error == cuda_success) continue;
    return fail("ct_device_open: the kernels for %s lack %s: %s; run deno task build", description,
                symbols[i], driver.describe(error).text);
  }
  return true;
}

CudaDevice::~CudaDevice() {
  if (!context) return;
  driver.context_use(context);
  if (stream) driver.stream_wait(stream);
  if (staging) driver.pinned_free(staging);
  if (module) driver.module_unload(module);
  if (stream) driver.stream_destroy(stream);
  driver.context_release(index);
}

bool CudaDevice::finish() {
  const int error = driver.stream_wait(stream);
  return error == cuda_success || failed("what was begun before", error);
}

unsigned char* CudaDevice::take_staging(uint64_t bytes) {
  if (staging_used + bytes > staging_bytes) {
    if (!finish()) return nullptr;
    staging_used = 0;
  }
  if (bytes > staging_bytes || !staging) {
    if (staging) driver.pinned_free(staging);
    staging = nullptr;
    staging_bytes = bytes > least_staging ? bytes : least_staging;
    void* memory = nullptr;
    const int error = driver.pinned_allocate(&memory, staging_bytes);
    if (error != cuda_success) {
      if (error == cuda_out_of_memory) {
        fail_memory("out of memory for %llu bytes of the host's to copy through; free some",
                    (unsigned long long)staging_bytes);
      } else {
        failed("asking for memory to copy through", error);
      }
      staging_bytes = 0;
      return nullptr;
    }
    staging = static_cast<unsigned char*>(memory);
  }
  unsigned char* const place = staging + staging_used;
  staging_used += (bytes + alignment - 1) / alignment * alignment;
  return place;
}

bool CudaDevice::copy_up(CudaAddress to, const void* staged, uint64_t bytes) {
  const int error = driver.copy_up(to, staged, bytes, stream);
  return error == cuda_success || failed("a copy to it", error);
}

unsigned char* CudaDevice::copy_down(CudaAddress from, uint64_t bytes) {
  unsigned char* const place = take_staging(bytes);
  if (!place) return nullptr;
  const int error = driver.copy_down(place, from, bytes, stream);
  if (error == cuda_success) return finish() ? place : nullptr;
  failed("a copy from it", error);
  return nullptr;
}

CudaAddress CudaDevice::allocate(const char* call, const char* what, uint64_t bytes) {
  CudaAddress address = 0;
  const int error = arena.allocate(driver, &address, bytes);
  if (error == cuda_success) return address;
  size_t free = 0, total = 0;
  if (error != cuda_out_of_memory || driver.memory_info(&free, &total) != cuda_success) {
    char asked[80];
    snprintf(asked, sizeof asked, "%s: asking for %llu bytes%s", call, (unsigned long long)bytes,
             what);
    failed(asked, error);
    return 0;
  }
  fail_memory("%s: out of memory for %llu bytes%s, of %llu the GPU has %llu free; ask for less or "
              "free some",
              call, (unsigned long long)bytes, what, (unsigned long long)total,
              (unsigned long long)free);
  return 0;
}

// An error of what was begun before shows with the next call that waits.
void CudaDevice::give_back(CudaAddress address, uint64_t bytes) {
  const CudaAddress block = arena.take_back(address, bytes);
  if (!block) return;
  driver.stream_wait(stream);
  driver.memory_free(block);
}

}  // namespace ct
