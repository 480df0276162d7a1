#include "device.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../common/status.h"

// The kernels' source, which ends with a NUL: see kernels.S.
extern "C" const char ct_metal_source[] __asm__("ct_metal_source");

namespace ct {
namespace {

constexpr uint32_t kernels_together = 64;  // written before the GPU is to begin
constexpr Count status_error = 5;  // MTLCommandBufferStatusError
constexpr Count shared_storage = 0;  // MTLResourceStorageModeShared

uint64_t page_bytes() { return uint64_t(sysconf(_SC_PAGESIZE)); }

}  // namespace

bool MetalDevice::open() {
  Pool pool;
  device = MTLCreateSystemDefaultDevice();
  if (!device) return fail("ct_device_open: Metal shows no GPU; use another device");
  snprintf(description, sizeof description, "metal %s", text_of(send<Object>(device, "name")));
  name = description;
  queue = send<Object>(device, "newCommandQueue");
  if (!queue) return fail("ct_device_open: %s gives no command queue", description);
  return load_kernels();
}

// The order of sums and what may fuse is the kernels' own, so no fast mathematics.
bool MetalDevice::load_kernels() {
  const Object options = send<Object>(objc_getClass("MTLCompileOptions"), "new");
  send<void>(options, "setFastMathEnabled:", static_cast<signed char>(0));
  Object error = nullptr;
  const Object library =
      send<Object>(device, "newLibraryWithSource:options:error:", string_of(ct_metal_source),
                   options, &error);
  release(options);
  if (!library) {
    return fail("ct_device_open: %s cannot compile the kernels: %.700s", description,
                reason_of(error));
  }
  bool loaded = true;
  for (uint32_t i = 0; i < uint32_t(Kernel::count) && loaded; ++i) loaded = load_kernel(library, i);
  release(library);
  return loaded;
}

bool MetalDevice::load_kernel(Object library, uint32_t kernel) {
  char symbol[80];
  snprintf(symbol, sizeof symbol, "ct_%s", kernel_name(Kernel(kernel)));
  const Object function = send<Object>(library, "newFunctionWithName:", string_of(symbol));
  if (!function) return fail("ct_device_open: the kernels lack %s; run deno task build", symbol);
  Object error = nullptr;
  const Object pipeline =
      send<Object>(device, "newComputePipelineStateWithFunction:error:", function, &error);
  release(function);
  if (!pipeline) {
    return fail("ct_device_open: %s cannot make %s ready: %.700s", description, symbol,
                reason_of(error));
  }
  pipelines[kernel] = pipeline;
  const Count width = send<Count>(pipeline, "threadExecutionWidth");
  const Count most = send<Count>(pipeline, "maxTotalThreadsPerThreadgroup");
  if (width == warp_threads && most >= block_threads) return true;
  return fail("ct_device_open: %s runs %s with %lu threads a SIMD group and at most %lu together; "
              "it takes %u and %u",
              description, symbol, width, most, warp_threads, block_threads);
}

MetalDevice::~MetalDevice() {
  if (!device) return;
  finish();
  for (const Object pipeline : pipelines) {
    if (pipeline) release(pipeline);
  }
  if (queue) release(queue);
  release(device);
}

Object MetalDevice::begin_kernel() {
  if (encoded_ == kernels_together && !commit()) return nullptr;
  if (!commands_) {
    Pool pool;
    const Object commands = send<Object>(queue, "commandBuffer");
    const Object encoder = commands ? send<Object>(commands, "computeCommandEncoder") : nullptr;
    if (!encoder) {
      set_error("the GPU takes no commands; close other programs that use it");
      return nullptr;
    }
    commands_ = send<Object>(commands, "retain");
    encoder_ = send<Object>(encoder, "retain");
  }
  ++encoded_;
  return encoder_;
}

// Has the GPU begin what was written, while the commands before it may still run.
bool MetalDevice::commit() {
  if (!commands_) return true;
  send<void>(encoder_, "endEncoding");
  send<void>(commands_, "commit");
  release(encoder_);
  const Object before = committed_;
  committed_ = commands_;
  commands_ = encoder_ = nullptr;
  encoded_ = 0;
  return wait(before);
}

// Waits for commands that were committed, and gives them up.
bool MetalDevice::wait(Object commands) {
  if (!commands) return true;
  Pool pool;
  send<void>(commands, "waitUntilCompleted");
  const bool failed = send<Count>(commands, "status") == status_error;
  if (failed) {
    set_error("what was begun before failed on the GPU: %.500s; the kernel launched last was %s of "
              "%s",
              reason_of(send<Object>(commands, "error")), last_kernel, last_call);
  }
  release(commands);
  return !failed;
}

bool MetalDevice::finish() {
  const bool succeeded = commit();
  const Object last = committed_;
  committed_ = nullptr;
  return wait(last) && succeeded;
}

uint64_t MetalDevice::bytes_left() const {
  const uint64_t most = send<uint64_t>(device, "recommendedMaxWorkingSetSize");
  const uint64_t used = send<Count>(device, "currentAllocatedSize");
  return used < most ? most - used : 0;
}

void* MetalDevice::allocate(const char* call, const char* what, uint64_t bytes) {
  const Count length = bytes ? bytes : 1;
  const Object buffer = send<Object>(device, "newBufferWithLength:options:", length,
                                     shared_storage);
  void* const contents = buffer ? send<void*>(buffer, "contents") : nullptr;
  if (contents && memory_.add(buffer, contents, length)) {
    memset(contents, 0, length);
    return contents;
  }
  if (buffer) release(buffer);
  fail_memory("%s: out of memory for %llu bytes%s, the GPU has %llu free and gives at most %lu at "
              "once; ask for less or free some",
              call, (unsigned long long)bytes, what, (unsigned long long)bytes_left(),
              send<Count>(device, "maxBufferLength"));
  return nullptr;
}

// Whole pages that hold so many bytes.
bool MetalDevice::wrap_pages(void* pages, uint64_t bytes) {
  const Count length = (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
  const Object none = nullptr;
  const Object buffer = send<Object>(device, "newBufferWithBytesNoCopy:length:options:deallocator:",
                                     pages, length, shared_storage, none);
  if (buffer && memory_.add(buffer, pages, length)) return true;
  if (buffer) release(buffer);
  return false;
}

bool MetalDevice::wrap_file(void* pages, uint64_t bytes) {
  const uint64_t most = send<Count>(device, "maxBufferLength") / page_bytes() * page_bytes();
  unsigned char* const data = static_cast<unsigned char*>(pages);
  for (uint64_t begin = 0; begin < bytes; begin += most) {
    const uint64_t rest = bytes - begin;
    if (wrap_pages(data + begin, rest < most ? rest : most)) continue;
    free_buffers(pages, bytes);
    return fail("ct_buffer_map: the GPU does not take the %llu bytes of file as they lie, %llu at "
                "once; load without a cache",
                (unsigned long long)bytes, (unsigned long long)most);
  }
  return true;
}

bool MetalDevice::find_buffer(MemoryMap::Place& place, const char* call,
                              const KernelBuffer& operand) {
  place = {nullptr, 0};
  if (!operand.data) return true;
  place = memory_.find(operand.data, operand.bytes);
  if (place.buffer) return true;
  // It lies across the end of one of a file's buffers, so its pages get one more.
  const uint64_t skipped = reinterpret_cast<uintptr_t>(operand.data) % page_bytes();
  unsigned char* const data = static_cast<unsigned char*>(const_cast<void*>(operand.data));
  if (wrap_pages(data - skipped, skipped + operand.bytes)) {
    place = memory_.find(operand.data, operand.bytes);
    return true;
  }
  return fail("%s: the GPU does not take the %llu bytes of a tensor in a file as they lie, at most "
              "%lu at once; load without a cache",
              call, (unsigned long long)operand.bytes, send<Count>(device, "maxBufferLength"));
}

void MetalDevice::free_buffers(const void* begin, uint64_t bytes) {
  while (const Object buffer = memory_.take(begin, bytes ? bytes : 1)) release(buffer);
}

}  // namespace ct
