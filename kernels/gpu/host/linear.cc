// linear on a GPU.
#include "../../common/operators.h"
#include "launch.h"

namespace ct {
namespace {

constexpr const char* call = "ct_linear";

// The codes, scales and sums of codes of x, one after the other.
struct RoundedInput {
  KernelBuffer codes, scales, sums;
};

bool place_rounded(RoundedInput& to, ct_device* device, const LinearArgs& args) {
  const uint64_t codes = uint64_t{args.x.rows} * args.x.columns;
  const uint64_t groups = codes / args.weight.group;
  unsigned char* const memory =
      static_cast<unsigned char*>(device_scratch(device, call, codes + 8 * groups));
  to = {{memory, codes}, {memory + codes, 4 * groups}, {memory + codes + 4 * groups, 4 * groups}};
  return memory != nullptr;
}

bool run_packed(ct_device* device, const LinearArgs& args) {
  const Typed& weight = args.weight;
  const uint32_t rows = args.x.rows, inputs = args.x.columns, outputs = args.out.columns;
  if (!rows || !outputs) return true;
  RoundedInput input;
  if (!place_rounded(input, device, args)) return false;
  const uint32_t group_blocks = blocks_for(inputs / weight.group, block_threads / warp_threads);
  const RoundInputSizes rounding = {args.x.stride, inputs, weight.group};
  const LinearPackedSizes sizes = {packed_sizes(weight), args.out.stride, inputs, outputs,
                                   args.bias != nullptr};
  return launch_kernel(device, call, Kernel::round_input, {rows, group_blocks, 1, block_threads},
                       rounding, input.codes, input.scales, input.sums, buffer_of(args.x)) &&
         launch_kernel(device, call, Kernel::linear_packed,
                       {blocks_for(outputs, packed_rows), rows, 1, block_threads}, sizes,
                       buffer_of(args.out), input.codes, input.scales, input.sums,
                       packed_buffer(weight), buffer_of(args.bias, outputs));
}

}  // namespace

bool run_linear(ct_device* device, const LinearArgs& args) {
  if (is_packed(args.weight.type)) return run_packed(device, args);
  const uint32_t outputs = args.out.columns;
  const LinearSizes sizes = {args.out.stride, args.x.stride, args.weight.stride, args.x.columns,
                             outputs, args.bias != nullptr};
  const Kernel kernel =
      args.weight.type == CT_BF16 ? Kernel::linear_bf16 : Kernel::linear_f32;
  return launch_kernel(device, call, kernel,
                       {blocks_for(outputs, block_threads / warp_threads), args.x.rows, 1,
                        block_threads},
                       sizes, buffer_of(args.out), buffer_of(args.x), buffer_of(args.weight),
                       buffer_of(args.bias, outputs));
}

}  // namespace ct
