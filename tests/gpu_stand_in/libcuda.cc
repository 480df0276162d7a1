// What stands in for libcuda.so.1: it does what the driver would, in order but as late as the
// driver may, on memory that the host cannot touch, and refuses what the driver would refuse. Built
// with STAND_IN_WITHOUT_GPU it is a driver that finds no GPU, and with STAND_IN_WITHOUT_GRAPHS one
// that fails to capture or to prepare each graph.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda_gpu.h"

extern "C" {

int cuInit(unsigned flags) {
#if defined(STAND_IN_WITHOUT_GPU)
  return no_device;
#endif
  return flags ? invalid_value : success;
}

int cuGetErrorName(int error, const char** text) {
  const auto found = error_names.find(error);
  *text = found == error_names.end() ? nullptr : found->second;
  return *text ? success : invalid_value;
}

int cuGetErrorString(int error, const char** text) {
  *text = error == no_device ? "no GPU stands in" : "the stand-in refuses";
  return success;
}

int cuDeviceGetCount(int* count) {
  *count = 2;
  return success;
}

int cuDeviceGet(int* device, int index) {
  *device = first_device + index;
  return index < 0 || index > 1 ? invalid_value : success;
}

int cuDeviceGetName(char* text, int size, int device) {
  snprintf(text, size_t(size), device == first_device ? "Stand-in GPU" : "Other GPU");
  return is_device(device) ? success : invalid_value;
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  if (!is_device(device) || (attribute != 75 && attribute != 76)) return invalid_value;
  *value = attribute == 75 ? 8 : 6;
  return success;
}

int cuDevicePrimaryCtxRetain(void** context, int device) {
  if (!is_device(device)) return invalid_value;
  ++gpu().contexts;
  *context = &context_object;
  return success;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  if (!is_device(device) || !gpu().contexts) return invalid_context;
  if (--gpu().contexts) return success;
  const Gpu& all = gpu();
  if (all.memory.size() + all.pinned.size() + all.streams.size() + all.modules.size() +
      all.graphs.size() + all.prepared.size()) {
    refuse(invalid_context, "a context is given up before what was made in it");
    abort();
  }
  gpu().failure = success;
  return success;
}

int cuCtxSetCurrent(void* context) {
  current = context;
  return !context || context == &context_object ? success : invalid_context;
}

int cuModuleLoadData(void** module, const void* image) {
  struct Header {
    uint32_t magic, version;
    uint64_t bytes;
  };
  const Header* const header = static_cast<const Header*>(image);
  if (!current) return refuse(invalid_context, "a module without a context");
  if (header->magic != 0xba55ed50) return refuse(invalid_image, "this is no fat binary");
  Module* const made = new Module{{static_cast<const char*>(image), 16 + header->bytes}};
  gpu().modules.insert(made);
  *module = made;
  return success;
}

int cuModuleUnload(void* module) {
  if (!gpu().modules.erase(static_cast<Module*>(module))) return invalid_handle;
  delete static_cast<Module*>(module);
  return success;
}

int cuModuleGetFunction(void** function, void* module, const char* name) {
  Module* const from = static_cast<Module*>(module);
  if (!gpu().modules.count(from)) return invalid_handle;
  const ct::Kernel kernel = stand_in::find_kernel(name);
  // Each kernel's name stands in the symbols of the code, after a dot.
  const std::string symbol = "." + std::string(name) + std::string(1, '\0');
  if (kernel == ct::Kernel::count || from->image.find(symbol) == std::string::npos) {
    return not_found;
  }
  std::unique_ptr<Function>& made = gpu().functions[name];
  if (!made) made.reset(new Function{kernel});
  *function = made.get();
  return success;
}

int cuStreamCreate(void** stream, unsigned flags) {
  if (!current || flags != 1) return invalid_value;
  Stream* const made = new Stream;
  gpu().streams.insert(made);
  *stream = made;
  return success;
}

int cuStreamSynchronize(void* stream) {
  if (!current) return refuse(invalid_context, "waiting without a context");
  if (!gpu().streams.count(static_cast<Stream*>(stream))) return invalid_handle;
  if (is_capturing()) return refuse(unsupported_in_capture, "waiting while a stream is captured");
  return finish(static_cast<Stream*>(stream));
}

int cuStreamDestroy_v2(void* stream) {
  if (!gpu().streams.erase(static_cast<Stream*>(stream))) return invalid_handle;
  if (!static_cast<Stream*>(stream)->waiting.empty()) {
    return refuse(invalid_handle, "a stream ends before its work");
  }
  delete static_cast<Stream*>(stream);
  return success;
}

int cuMemGetInfo_v2(size_t* free, size_t* total) {
  *total = capacity;
  *free = capacity - gpu().used;
  return success;
}

int cuMemAlloc_v2(uint64_t* address, size_t bytes) {
  if (!current) return refuse(invalid_context, "memory without a context");
  if (!bytes) return refuse(invalid_value, "memory of no bytes");
  if (is_capturing()) return refuse(unsupported_in_capture, "memory while a stream is captured");
  if (bytes > capacity - gpu().used) return out_of_memory;
  void* memory = nullptr;
  if (posix_memalign(&memory, 256, bytes)) return out_of_memory;
  memset(memory, 0xff, bytes);  // NaN, and no index
  *address = reinterpret_cast<uint64_t>(memory) | device_bit;
  gpu().memory[*address] = bytes;
  gpu().used += bytes;
  return success;
}

int cuMemFree_v2(uint64_t address) {
  if (is_capturing()) return refuse(unsupported_in_capture, "freeing while a stream is captured");
  const auto found = gpu().memory.find(address);
  if (found == gpu().memory.end()) return refuse(invalid_value, "this memory is not to be freed");
  gpu().used -= found->second;
  gpu().memory.erase(found);
  free(host_of(address));
  return success;
}

int cuMemAllocHost_v2(void** memory, size_t bytes) {
  if (!current) return refuse(invalid_context, "pinned memory without a context");
  if (posix_memalign(memory, 4096, bytes)) return out_of_memory;
  gpu().pinned[reinterpret_cast<uintptr_t>(*memory)] = bytes;
  return success;
}

int cuMemFreeHost(void* memory) {
  if (!gpu().pinned.erase(reinterpret_cast<uintptr_t>(memory))) {
    return refuse(invalid_value, "this memory is not pinned");
  }
  free(memory);
  return success;
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void* stream) {
  Stream* const on = static_cast<Stream*>(stream);
  const int error = check_copy(to, from, bytes, on);
  if (error != success) return error;
  return put(on, [=] { return memcpy(host_of(to), from, bytes), success; });
}

int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* stream) {
  Stream* const on = static_cast<Stream*>(stream);
  const int error = check_copy(from, to, bytes, on);
  if (error != success) return error;
  return put(on, [=] { return memcpy(to, host_of(from), bytes), success; });
}

int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void* stream) {
  Stream* const on = static_cast<Stream*>(stream);
  const int error = check_copy(to, nullptr, bytes, on);
  if (error != success) return error;
  return put(on, [=] { return memset(host_of(to), value, bytes), success; });
}

int cuStreamBeginCapture_v2(void* stream, int mode) {
  Stream* const on = static_cast<Stream*>(stream);
  if (!current || !gpu().streams.count(on) || on->capture || mode != 1) {
    return refuse(invalid_value, "a capture that cannot begin");
  }
  gpu().graphs.insert(on->capture = new Graph);
  return success;
}

int cuGraphDestroy(void* graph) {
  if (!gpu().graphs.erase(static_cast<Graph*>(graph))) return invalid_handle;
  delete static_cast<Graph*>(graph);
  return success;
}

int cuStreamEndCapture(void* stream, void** graph) {
  Stream* const on = static_cast<Stream*>(stream);
  if (!gpu().streams.count(on) || !on->capture) return refuse(invalid_value, "there is no capture");
  *graph = on->capture;
  on->capture = nullptr;
#if defined(STAND_IN_WITHOUT_GRAPHS)
  static bool fails = false;
  if ((fails = !fails)) {
    cuGraphDestroy(*graph);
    *graph = nullptr;
    return refuse(capture_invalidated, "a capture that is spoilt");
  }
#endif
  return success;
}

int cuGraphInstantiateWithFlags(void** prepared, void* graph, unsigned long long flags) {
  Graph* const from = static_cast<Graph*>(graph);
  if (!gpu().graphs.count(from) || flags) return refuse(invalid_value, "this is no graph");
#if defined(STAND_IN_WITHOUT_GRAPHS)
  return refuse(out_of_memory, "there is no room for a graph");
#endif
  Graph* const made = new Graph(*from);
  gpu().prepared.insert(made);
  *prepared = made;
  return success;
}

int cuGraphLaunch(void* prepared, void* stream) {
  Stream* const on = static_cast<Stream*>(stream);
  Graph* const graph = static_cast<Graph*>(prepared);
  if (!current || !gpu().prepared.count(graph) || !gpu().streams.count(on) || on->capture) {
    return refuse(invalid_handle, "a graph that cannot be launched");
  }
  if (gpu().failure != success) return gpu().failure;
  for (const Work& launch : graph->launches) put(on, launch);
  return success;
}

// The host frees no graph that may still run.
int cuGraphExecDestroy(void* prepared) {
  for (const Stream* const stream : gpu().streams) {
    if (!stream->waiting.empty()) return refuse(invalid_value, "a graph ends before its work");
  }
  if (!gpu().prepared.erase(static_cast<Graph*>(prepared))) return invalid_handle;
  delete static_cast<Graph*>(prepared);
  return success;
}

int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                   void* stream, void** parameters, void** extra) {
  Stream* const on = static_cast<Stream*>(stream);
  if (!current || !gpu().streams.count(on)) return refuse(invalid_handle, "a launch on no stream");
  if (block_y != 1 || block_z != 1 || shared_bytes || extra || !grid_x || !grid_y || !grid_z ||
      grid_x > 0x7fffffff || grid_y > 65535 || grid_z > 65535 || block_x > 1024) {
    return refuse(invalid_value, "a launch that no GPU can do");
  }
  if (gpu().failure != success) return gpu().failure;
  const ct::Kernel kernel = static_cast<Function*>(function)->kernel;
  const ct::Program& program = ct::program_of(kernel);
  const unsigned char* const sizes = static_cast<unsigned char*>(parameters[0]);
  Call call = {{kernel, {grid_x, grid_y, grid_z, block_x}, nullptr, program.sizes_bytes, nullptr,
                program.buffers},
               {sizes, sizes + program.sizes_bytes},
               {}};
  for (uint32_t i = 0; i < program.buffers; ++i) {
    call.buffers.push_back({*static_cast<void**>(parameters[1 + i]), 0});
  }
  return put(on, [call] { return run(call); });
}

}  // extern "C"
