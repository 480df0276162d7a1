// The NVIDIA driver's library, opened at run time: what of it is used, declared here, so that no
// toolkit is needed to build the host nor to run it.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace ct {

using CudaHandle = struct CudaObject*;  // a context, module, function, stream or graph
using CudaAddress = uint64_t;  // of the GPU's memory

constexpr int cuda_success = 0;
constexpr int cuda_out_of_memory = 2;
constexpr int cuda_major_attribute = 75, cuda_minor_attribute = 76;  // of the compute capability
constexpr unsigned cuda_stream_apart = 1;  // from the default stream
constexpr int cuda_capture_of_thread = 1;  // other threads go on as ever

// X(name here, name in the library, parameters); each returns cuda_success or an error.
#define CT_CUDA_FUNCTIONS(X)                                                                  \
  X(init, cuInit, (unsigned flags))                                                           \
  X(error_name, cuGetErrorName, (int error, const char** text))                               \
  X(error_text, cuGetErrorString, (int error, const char** text))                             \
  X(device_count, cuDeviceGetCount, (int* count))                                             \
  X(device_get, cuDeviceGet, (int* device, int index))                                        \
  X(device_name, cuDeviceGetName, (char* text, int capacity, int device))                     \
  X(device_attribute, cuDeviceGetAttribute, (int* value, int attribute, int device))          \
  X(context_retain, cuDevicePrimaryCtxRetain, (CudaHandle* context, int device))              \
  X(context_release, cuDevicePrimaryCtxRelease_v2, (int device))                              \
  X(context_use, cuCtxSetCurrent, (CudaHandle context))                                       \
  X(module_load, cuModuleLoadData, (CudaHandle* module, const void* image))                   \
  X(module_unload, cuModuleUnload, (CudaHandle module))                                       \
  X(module_function, cuModuleGetFunction,                                                     \
    (CudaHandle* function, CudaHandle module, const char* name))                              \
  X(stream_create, cuStreamCreate, (CudaHandle* stream, unsigned flags))                      \
  X(stream_destroy, cuStreamDestroy_v2, (CudaHandle stream))                                  \
  X(stream_wait, cuStreamSynchronize, (CudaHandle stream))                                    \
  X(memory_info, cuMemGetInfo_v2, (size_t* free, size_t* total))                              \
  X(memory_allocate, cuMemAlloc_v2, (CudaAddress* address, size_t bytes))                     \
  X(memory_free, cuMemFree_v2, (CudaAddress address))                                         \
  X(pinned_allocate, cuMemAllocHost_v2, (void** memory, size_t bytes))                        \
  X(pinned_free, cuMemFreeHost, (void* memory))                                               \
  X(copy_up, cuMemcpyHtoDAsync_v2,                                                            \
    (CudaAddress to, const void* from, size_t bytes, CudaHandle stream))                      \
  X(copy_down, cuMemcpyDtoHAsync_v2,                                                          \
    (void* to, CudaAddress from, size_t bytes, CudaHandle stream))                            \
  X(fill, cuMemsetD8Async,                                                                    \
    (CudaAddress to, unsigned char value, size_t bytes, CudaHandle stream))                   \
  X(capture_begin, cuStreamBeginCapture_v2, (CudaHandle stream, int mode))                    \
  X(capture_end, cuStreamEndCapture, (CudaHandle stream, CudaHandle* graph))                  \
  X(graph_prepare, cuGraphInstantiateWithFlags,                                               \
    (CudaHandle* prepared, CudaHandle graph, unsigned long long flags))                       \
  X(graph_destroy, cuGraphDestroy, (CudaHandle graph))                                        \
  X(graph_launch, cuGraphLaunch, (CudaHandle prepared, CudaHandle stream))                    \
  X(prepared_destroy, cuGraphExecDestroy, (CudaHandle prepared))                              \
  X(launch, cuLaunchKernel,                                                                   \
    (CudaHandle function, unsigned grid_x, unsigned grid_y, unsigned grid_z,                  \
     unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,             \
     CudaHandle stream, void** parameters, void** extra))

struct CudaDriver {
#define CT_CUDA_FIELD(name, symbol, parameters) int(*name) parameters;
  CT_CUDA_FUNCTIONS(CT_CUDA_FIELD)
#undef CT_CUDA_FIELD

  // Opens the library. False, with the error set, where there is none.
  bool open();

  // What the driver calls an error, "CUDA_ERROR_NO_DEVICE (no CUDA-capable device is detected)".
  struct ErrorText {
    char text[200];
  };
  ErrorText describe(int error) const;
};

}  // namespace ct
