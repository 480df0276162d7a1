// linear on a GPU.
#include "../../common/operators.h"
#include "launch.h"

namespace ct {
namespace {

constexpr const char* call = "ct_linear";

// Calls body(first row, count) for as many rows at a time as a grid has room for, until it returns
// false; which is then the result.
template <typename Body>
bool for_row_parts(uint32_t rows, const Body& body) {
  for (uint64_t first = 0; first < rows; first += most_grid) {
    const uint64_t rest = rows - first;
    if (!body(first, uint32_t(rest < most_grid ? rest : most_grid))) return false;
  }
  return true;
}

template <typename T>
KernelBuffer rows_of(Matrix<T> x, uint64_t first, uint32_t count) {
  x.data += first * x.stride;
  x.rows = count;
  return buffer_of(x);
}

// The codes, scales and sums of codes of x, one after the other.
struct RoundedInput {
  KernelBuffer codes, scales, sums;

  // Of rows from `first` on, of the `rows` that these are.
  RoundedInput from(uint64_t first, uint64_t rows) const {
    return {rest(codes, first, rows), rest(scales, first, rows), rest(sums, first, rows)};
  }

 private:
  static KernelBuffer rest(const KernelBuffer& all, uint64_t first, uint64_t rows) {
    const uint64_t skipped = all.bytes / rows * first;
    return {static_cast<const unsigned char*>(all.data) + skipped, all.bytes - skipped};
  }
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
         for_row_parts(rows, [&](uint64_t first, uint32_t count) {
           const RoundedInput part = input.from(first, rows);
           return launch_kernel(device, call, Kernel::linear_packed,
                                {blocks_for(outputs, packed_rows), count, 1, block_threads}, sizes,
                                rows_of(args.out, first, count), part.codes, part.scales,
                                part.sums, packed_buffer(weight), buffer_of(args.bias, outputs));
         });
}

}  // namespace

bool run_linear(ct_device* device, const LinearArgs& args) {
  if (is_packed(args.weight.type)) return run_packed(device, args);
  const uint32_t outputs = args.out.columns;
  const LinearSizes sizes = {args.out.stride, args.x.stride, args.weight.stride, args.x.columns,
                             outputs, args.bias != nullptr};
  const Kernel kernel =
      args.weight.type == CT_BF16 ? Kernel::linear_bf16 : Kernel::linear_f32;
  return for_row_parts(args.x.rows, [&](uint64_t first, uint32_t count) {
    return launch_kernel(device, call, kernel,
                         {blocks_for(outputs, block_threads / warp_threads), count, 1,
                          block_threads},
                         sizes, rows_of(args.out, first, count), rows_of(args.x, first, count),
                         buffer_of(args.weight), buffer_of(args.bias, outputs));
  });
}

}  // namespace ct
