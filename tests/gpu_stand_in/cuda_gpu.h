// The GPU behind libcuda.cc: its memory, and what waits on its streams.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "run_kernel.h"

namespace {

constexpr int success = 0, invalid_value = 1, out_of_memory = 2, no_device = 100,
              invalid_image = 200, invalid_context = 201, invalid_handle = 400, not_found = 500,
              illegal_address = 700,
              unsupported_in_capture = 900, capture_invalidated = 901;
const std::map<int, const char*> error_names = {
    {invalid_value, "CUDA_ERROR_INVALID_VALUE"},
    {out_of_memory, "CUDA_ERROR_OUT_OF_MEMORY"},
    {no_device, "CUDA_ERROR_NO_DEVICE"},
    {invalid_image, "CUDA_ERROR_INVALID_IMAGE"},
    {invalid_context, "CUDA_ERROR_INVALID_CONTEXT"},
    {invalid_handle, "CUDA_ERROR_INVALID_HANDLE"},
    {not_found, "CUDA_ERROR_NOT_FOUND"},
    {illegal_address, "CUDA_ERROR_ILLEGAL_ADDRESS"},
    {unsupported_in_capture, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
    {capture_invalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"}};
// There are two, which share all that one has.
constexpr int first_device = 7;
bool is_device(int device) { return device == first_device || device == first_device + 1; }
constexpr uint64_t capacity = 512 * 1024 * 1024;
// Such an address is nobody's on the host: to touch it ends the process.
constexpr uint64_t device_bit = uint64_t{1} << 62;

using Work = std::function<int()>;
// What was launched while a stream was captured.
struct Graph {
  std::vector<Work> launches;
};
struct Stream {
  std::vector<Work> waiting;
  Graph* capture = nullptr;
};
struct Module {
  std::string image;
};
struct Function {
  ct::Kernel kernel;
};

struct Gpu {
  int contexts = 0, failure = success;
  uint64_t used = 0;
  std::map<uint64_t, uint64_t> memory;  // bytes by address
  std::map<uintptr_t, uint64_t> pinned;
  std::set<Stream*> streams;
  std::set<Module*> modules;
  std::set<Graph*> graphs, prepared;
  std::map<std::string, std::unique_ptr<Function>> functions;
};

Gpu& gpu() {
  static Gpu all;
  return all;
}
char context_object;
thread_local void* current = nullptr;

int refuse(int error, const char* why) {
  fprintf(stderr, "stand-in: %s\n", why);
  return error;
}

// Bytes from an address to the end of the memory that it is in; 0 where it is in none.
template <typename Address>
uint64_t bytes_from(const std::map<Address, uint64_t>& memory, Address address) {
  auto next = memory.upper_bound(address);
  if (next == memory.begin()) return 0;
  --next;
  const uint64_t inside = address - next->first;
  return inside < next->second ? next->second - inside : 0;
}

void* host_of(uint64_t address) { return reinterpret_cast<void*>(address & ~device_bit); }

int check_copy(uint64_t device, const void* host, size_t bytes, Stream* stream) {
  if (!current) return refuse(invalid_context, "a copy without a context");
  if (!gpu().streams.count(stream)) return refuse(invalid_handle, "a copy without a stream");
  if (stream->capture) return refuse(unsupported_in_capture, "a copy while a stream is captured");
  if (!bytes || bytes_from(gpu().memory, device) < bytes) {
    return refuse(invalid_value, "a copy outside of memory");
  }
  if (host && bytes_from(gpu().pinned, reinterpret_cast<uintptr_t>(host)) < bytes) {
    return refuse(invalid_value, "a copy from or to memory that is not pinned");
  }
  return gpu().failure;
}

// A driver takes nothing while a stream is captured but launches on it.
bool is_capturing() {
  for (const Stream* const stream : gpu().streams) {
    if (stream->capture) return true;
  }
  return false;
}

int put(Stream* stream, Work work) {
  if (stream->capture) return stream->capture->launches.push_back(std::move(work)), success;
  stream->waiting.push_back(std::move(work));
  return success;
}

int finish(Stream* stream) {
  std::vector<Work> all;
  all.swap(stream->waiting);
  for (const Work& work : all) {
    if (gpu().failure == success) gpu().failure = work();
  }
  return gpu().failure;
}

// What a kernel is called with, copied as the driver does.
struct Call {
  ct::Launch launch;
  std::vector<unsigned char> sizes;
  std::vector<ct::KernelBuffer> buffers;
};

int run(Call call) {
  for (ct::KernelBuffer& buffer : call.buffers) {
    const uint64_t address = reinterpret_cast<uint64_t>(buffer.data);
    if (!address) continue;
    buffer.bytes = bytes_from(gpu().memory, address);
    buffer.data = host_of(address);
  }
  call.launch.sizes = call.sizes.data();
  call.launch.buffers = call.buffers.data();
  return stand_in::run_kernel(call.launch) ? success : illegal_address;
}

}  // namespace
