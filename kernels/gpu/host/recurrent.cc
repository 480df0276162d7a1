// dynamic_convolution and gated_delta on a GPU.
#include "../../common/operators.h"
#include "../../common/status.h"
#include "launch.h"

namespace ct {

bool run_dynamic_convolution(ct_device* device, const DynamicConvolutionArgs& args) {
  const char* const call = "ct_dynamic_convolution";
  const Segments& segments = args.segments;
  const uint32_t channels = args.x.columns, rows = args.x.rows;
  const uint32_t blocks = blocks_for(channels, 4 * block_threads);
  const bool wide = rows_are_wide(args.out) && rows_are_wide(args.x) && rows_are_wide(args.taps) &&
                    rows_are_wide(args.state) && channels % 4 == 0;
  const ConvolutionSizes sizes = {args.out.stride,   args.x.stride, args.taps.stride,
                                  args.state.stride, channels,      args.width,
                                  segments.count,    wide};
  const bool by_segment = rows <= segments.count;
  const Kernel kernel = by_segment ? Kernel::convolve_segments : Kernel::convolve_rows;
  return launch_kernel(device, call, kernel,
                       {by_segment ? segments.count : rows, blocks, 1, block_threads}, sizes,
                       buffer_of(args.out), buffer_of(args.x), buffer_of(args.taps),
                       buffer_of(args.state), starts_of(segments), slots_of(segments)) &&
         (by_segment || args.width == 1 ||
          launch_kernel(device, call, Kernel::move_convolutions,
                        {segments.count, blocks, 1, block_threads}, sizes, buffer_of(args.state),
                        buffer_of(args.x), starts_of(segments), slots_of(segments)));
}

namespace {

constexpr const char* delta_call = "ct_gated_delta";

bool is_wide(const GatedDeltaArgs& args) {
  const uint32_t bytes = args.state.type == CT_BF16 ? 2 : 4;
  return rows_are_wide(args.state.data, args.state.stride, bytes) &&
         args.value_size * bytes % 16 == 0 && rows_are_wide(args.v);
}

// What the kernels for chunks hand one to the other; see gated_delta_pairs.h.
struct DeltaMatrices {
  KernelBuffer vectors, pairs, rates;
};

// Of a head's keys in chunks, each of which a warp has.
uint32_t delta_key_warps(uint32_t key_size) { return blocks_for(key_size, CT_DELTA_WARP_KEYS); }

bool place_matrices(DeltaMatrices& matrices, ct_device* device, uint64_t chunks,
                    const GatedDeltaArgs& args) {
  constexpr uint64_t element = sizeof(float), tokens = CT_DELTA_CHUNK;  // in two parts of f16
  const uint64_t padded_keys = uint64_t{delta_key_warps(args.key_size)} * CT_DELTA_WARP_KEYS;
  const uint64_t all = chunks * args.heads;
  const uint64_t vectors = all * 3 * tokens * padded_keys * element;
  const uint64_t pairs = all * 2 * tokens * tokens * element;
  const uint64_t rates = all * 2 * tokens * sizeof(float);
  unsigned char* const memory = static_cast<unsigned char*>(
      device_scratch(device, delta_call, vectors + pairs + rates));
  matrices = {{memory, vectors}, {memory + vectors, pairs}, {memory + vectors + pairs, rates}};
  return memory != nullptr;
}

// The segments that are long enough.
bool run_delta_chunks(ct_device* device, const GatedDeltaArgs& args,
                      const GatedDeltaSizes& sizes) {
  const uint32_t chunks = (args.out.rows - 1) / sizes.chunk + sizes.segments;  // of any number
  DeltaMatrices matrices;
  if (!place_matrices(matrices, device, chunks, args)) return false;
  const KernelBuffer starts = starts_of(args.segments);
  const Grid each = {chunks, args.heads, 1, block_threads};
  const Grid columns = {sizes.segments, args.heads,
                        blocks_for(args.value_size, CT_DELTA_CHUNK_COLUMNS),
                        delta_key_warps(args.key_size) * warp_threads};
  const Kernel kernel = args.state.type == CT_BF16 ? Kernel::gated_delta_chunks_bf16
                                                   : Kernel::gated_delta_chunks_f32;
  return launch_kernel(device, delta_call, Kernel::delta_pairs, each, sizes, matrices.vectors,
                       matrices.pairs, matrices.rates, buffer_of(args.q), buffer_of(args.k),
                       buffer_of(args.a), buffer_of(args.b), buffer_of(args.a_log, args.heads),
                       buffer_of(args.dt_bias, args.heads), starts) &&
         launch_kernel(device, delta_call, kernel, columns, sizes, buffer_of(args.out),
                       buffer_of(args.v), buffer_of(args.state), matrices.vectors, matrices.pairs,
                       matrices.rates, starts, slots_of(args.segments));
}

}  // namespace

bool run_gated_delta(ct_device* device, const GatedDeltaArgs& args) {
  if (args.key_size > CT_DELTA_MOST_KEYS) {
    return fail("%s: q has %u columns a head; this device takes at most %u", delta_call,
                args.key_size, CT_DELTA_MOST_KEYS);
  }
  const Segments& segments = args.segments;
  const uint32_t chunk = args.chunk < CT_DELTA_CHUNK ? args.chunk : CT_DELTA_CHUNK;
  const GatedDeltaSizes sizes = {args.out.stride,   args.q.stride,  args.k.stride, args.v.stride,
                                 args.a.stride,     args.b.stride,  args.state.stride,
                                 segments.count,    args.heads,     args.key_size,
                                 args.value_size,   chunk,          is_wide(args)};
  const bool is_rounded = args.state.type == CT_BF16;
  const Kernel kernel =
      args.key_size > CT_DELTA_FEW_KEYS
          ? (is_rounded ? Kernel::gated_delta_long_bf16 : Kernel::gated_delta_long_f32)
          : (is_rounded ? Kernel::gated_delta_bf16 : Kernel::gated_delta_f32);
  const Grid columns = {segments.count, args.heads, blocks_for(args.value_size, CT_DELTA_COLUMNS),
                        block_threads};
  // A segment may be as long as the batch.
  const bool may_chunk = chunk && args.out.rows > CT_DELTA_LONGEST_RECURRENCE;
  return launch_kernel(device, delta_call, kernel, columns, sizes, buffer_of(args.out),
                       buffer_of(args.q), buffer_of(args.k), buffer_of(args.v), buffer_of(args.a),
                       buffer_of(args.b), buffer_of(args.a_log, args.heads),
                       buffer_of(args.dt_bias, args.heads), buffer_of(args.state),
                       starts_of(segments), slots_of(segments)) &&
         (!may_chunk || run_delta_chunks(device, args, sizes));
}

}  // namespace ct
