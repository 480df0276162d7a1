// dynamic_convolution and gated_delta on a GPU.
#include "../../common/operators.h"
#include "../../common/status.h"
#include "launch.h"

namespace ct {

bool run_dynamic_convolution(ct_device* device, const DynamicConvolutionArgs& args) {
  const char* const call = "ct_dynamic_convolution";
  const Segments& segments = args.segments;
  const uint32_t channels = args.x.columns, blocks = blocks_for(channels, block_threads);
  const ConvolutionSizes sizes = {args.out.stride,   args.x.stride, args.taps.stride,
                                  args.state.stride, channels,      args.width,
                                  segments.count};
  if (!launch_kernel(device, call, Kernel::dynamic_convolution,
                     {args.x.rows, blocks, 1, block_threads}, sizes, buffer_of(args.out),
                     buffer_of(args.x), buffer_of(args.taps), buffer_of(args.state),
                     starts_of(segments), slots_of(segments))) {
    return false;
  }
  if (args.width == 1) return true;
  return launch_kernel(device, call, Kernel::convolution_state,
                       {segments.count, blocks, 1, block_threads}, sizes, buffer_of(args.state),
                       buffer_of(args.x), starts_of(segments), slots_of(segments));
}

// Every chunk runs as the recurrence does.
bool run_gated_delta(ct_device* device, const GatedDeltaArgs& args) {
  const char* const call = "ct_gated_delta";
  if (args.key_size > CT_DELTA_MOST_KEYS) {
    return fail("%s: q has %u columns a head; this device takes at most %u", call, args.key_size,
                CT_DELTA_MOST_KEYS);
  }
  const GatedDeltaSizes sizes = {args.out.stride,   args.q.stride, args.k.stride,
                                 args.v.stride,     args.a.stride, args.b.stride,
                                 args.state.stride, args.key_size, args.value_size};
  const Kernel kernel =
      args.state.type == CT_BF16 ? Kernel::gated_delta_bf16 : Kernel::gated_delta_f32;
  return launch_kernel(device, call, kernel,
                       {args.segments.count, args.heads,
                        blocks_for(args.value_size, CT_DELTA_COLUMNS), block_threads},
                       sizes, buffer_of(args.out), buffer_of(args.q), buffer_of(args.k),
                       buffer_of(args.v), buffer_of(args.a), buffer_of(args.b),
                       buffer_of(args.a_log, args.heads), buffer_of(args.dt_bias, args.heads),
                       buffer_of(args.state), starts_of(args.segments), slots_of(args.segments));
}

}  // namespace ct
