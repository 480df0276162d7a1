// What the host declares of NVIDIA's driver, compared with NVIDIA's own header, which only this
// needs: it compiles where they agree.
#include <cuda.h>

#include <type_traits>

#include "../../kernels/cuda/driver.h"

namespace {

template <typename Ours, typename Theirs>
constexpr bool passed_alike = sizeof(Ours) == sizeof(Theirs) &&
                              std::is_pointer_v<Ours> == std::is_pointer_v<Theirs> &&
                              !std::is_floating_point_v<Ours> && !std::is_floating_point_v<Theirs>;

template <typename Ours, typename Theirs>
constexpr bool called_alike = false;
template <typename... Ours, typename... Theirs>
constexpr bool called_alike<int (*)(Ours...), CUresult (*)(Theirs...)> =
    (passed_alike<Ours, Theirs> && ...);

}  // namespace

#define CT_SAME(name, symbol, parameters) \
  static_assert(called_alike<decltype(ct::CudaDriver::name), decltype(&symbol)>, #symbol);
CT_CUDA_FUNCTIONS(CT_SAME)

static_assert(ct::cuda_success == CUDA_SUCCESS);
static_assert(ct::cuda_out_of_memory == CUDA_ERROR_OUT_OF_MEMORY);
static_assert(ct::cuda_major_attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(ct::cuda_minor_attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(ct::cuda_capture_of_thread == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
static_assert(ct::cuda_stream_apart == CU_STREAM_NON_BLOCKING);
