// A Metal device: the kernels as pipelines, a queue, and the commands that are being written for
// it. Memory is shared with the host, which waits for the GPU before it touches it.
#pragma once
#include "../common/device.h"
#include "../gpu/host/launch.h"
#include "memory_map.h"

namespace ct {

struct MetalDevice : ct_device {
  // Opens the GPU. False, with the error set, where there is none or it cannot run the kernels.
  bool open();
  ~MetalDevice();

  // Where kernels are written for the GPU; null, with the error set, where it cannot be had. Some
  // may begin to run.
  Object begin_kernel();

  // Waits for all that was begun. False, with the error set, where some of it failed.
  bool finish();

  // What the system advises to use at most, without what this program has in use.
  uint64_t bytes_left() const;

  // Zeroed memory in a buffer; null, with the error set, where it cannot be had. `call` and `what`
  // are for the error.
  void* allocate(const char* call, const char* what, uint64_t bytes);

  // Makes buffers of a file's pages, which stay the caller's: as many, one after the other, as the
  // GPU takes them. False, with the error set, where it does not.
  bool wrap_file(void* pages, uint64_t bytes);

  // The buffer that has an operand; null where that is absent. False, with the error set, where it
  // is too large a part of a file for one buffer.
  bool find_buffer(MemoryMap::Place& place, const char* call, const KernelBuffer& operand);

  // Gives up the buffers in so many bytes.
  void free_buffers(const void* begin, uint64_t bytes);

  Object device = nullptr, queue = nullptr;
  Object pipelines[uint32_t(Kernel::count)] = {};
  char description[160] = "";
  // What was launched last, for the error of a kernel, which shows only later.
  const char *last_call = nullptr, *last_kernel = nullptr;

 private:
  bool load_kernels();
  bool load_kernel(Object library, uint32_t kernel);
  bool commit();
  bool wait(Object commands);
  bool wrap_pages(void* pages, uint64_t bytes);

  MemoryMap memory_;
  Object commands_ = nullptr, encoder_ = nullptr;  // that are being written
  Object committed_ = nullptr;  // the last that run
  uint32_t encoded_ = 0;  // kernels in commands_
};

inline MetalDevice& metal(ct_device* device) { return *static_cast<MetalDevice*>(device); }

}  // namespace ct
