// linear on a GPU.
#include "../../common/operators.h"
#include "launch.h"

namespace ct {
namespace {

constexpr const char* call = "ct_linear";

// Tiles of `rows_each` rows and `outputs_each` outputs: those with the same weights follow each
// other, so that they find them in a near cache.
Grid tile_grid(uint32_t rows, uint32_t rows_each, uint32_t outputs, uint32_t outputs_each) {
  return {blocks_for(rows, rows_each) * blocks_for(outputs, outputs_each), 1, 1, block_threads};
}

// x in 8 bits, and the scales of its groups.
struct RoundedInput {
  KernelBuffer codes, scales;
};

bool place_rounded(RoundedInput& to, ct_device* device, const LinearArgs& args) {
  const uint64_t codes = uint64_t{args.x.rows} * args.x.columns;
  const uint64_t groups = codes / args.weight.group;
  unsigned char* const memory =
      static_cast<unsigned char*>(device_scratch(device, call, codes + 4 * groups));
  to = {{memory, codes}, {memory + codes, 4 * groups}};
  return memory != nullptr;
}

struct PackedPlan {
  Kernel kernel;
  Grid grid;
};

PackedPlan packed_plan(uint32_t rows, uint32_t outputs) {
  if (rows >= CT_TILED_ROWS) {
    return {Kernel::linear_packed_tile,
            tile_grid(rows, CT_PACKED_TILE_ROWS, outputs, CT_PACKED_TILE_OUTPUTS)};
  }
  const auto plan = [=](Kernel kernel, uint32_t rows_each) -> PackedPlan {
    return {kernel, {blocks_for(outputs, packed_rows), blocks_for(rows, rows_each), 1,
                     block_threads}};
  };
  if (rows == 1) return plan(Kernel::linear_packed_1, 1);
  if (rows == 2) return plan(Kernel::linear_packed_2, 2);
  if (rows <= 4) return plan(Kernel::linear_packed_4, 4);
  return plan(Kernel::linear_packed_8, 8);
}

bool run_packed(ct_device* device, const LinearArgs& args) {
  const Typed& weight = args.weight;
  const uint32_t rows = args.x.rows, inputs = args.x.columns, outputs = args.out.columns;
  if (!rows || !outputs) return true;
  RoundedInput input;
  if (!place_rounded(input, device, args)) return false;
  const uint32_t group_blocks = blocks_for(inputs / weight.group, block_threads / warp_threads);
  const RoundInputSizes rounding = {args.x.stride, inputs, weight.group};
  const LinearPackedSizes sizes = {packed_sizes(weight), args.out.stride, rows, inputs, outputs,
                                   args.bias != nullptr};
  const PackedPlan plan = packed_plan(rows, outputs);
  return launch_kernel(device, call, Kernel::round_input, {rows, group_blocks, 1, block_threads},
                       rounding, input.codes, input.scales, buffer_of(args.x)) &&
         launch_kernel(device, call, plan.kernel, plan.grid, sizes, buffer_of(args.out),
                       input.codes, input.scales, packed_buffer(weight),
                       buffer_of(args.bias, outputs));
}

bool run_bf16(ct_device* device, const LinearArgs& args) {
  const Typed& weight = args.weight;
  const uint32_t rows = args.x.rows, outputs = args.out.columns;
  const LinearBf16Sizes sizes = {args.out.stride,
                                 args.x.stride,
                                 weight.stride,
                                 rows,
                                 args.x.columns,
                                 outputs,
                                 args.bias != nullptr,
                                 rows_are_wide(args.x),
                                 rows_are_wide(weight.data, weight.stride, 2)};
  const bool is_tiled = rows > CT_BF16_FEW_ROWS;
  const uint32_t blocks = rows ? blocks_for(outputs, CT_BF16_FEW_OUTPUTS) : 0;
  const Grid grid = is_tiled ? tile_grid(rows, CT_BF16_TILE, outputs, CT_BF16_TILE)
                             : Grid{blocks, 1, 1, CT_BF16_RUNS * warp_threads};
  return launch_kernel(device, call, is_tiled ? Kernel::linear_tile_bf16 : Kernel::linear_bf16,
                       grid, sizes, buffer_of(args.out), buffer_of(args.x), buffer_of(weight),
                       buffer_of(args.bias, outputs));
}

}  // namespace

bool run_linear(ct_device* device, const LinearArgs& args) {
  if (is_packed(args.weight.type)) return run_packed(device, args);
  if (args.weight.type == CT_BF16) return run_bf16(device, args);
  const uint32_t rows = args.x.rows, outputs = args.out.columns;
  const LinearSizes sizes = {args.out.stride, args.x.stride, args.weight.stride, rows,
                             args.x.columns,  outputs,       args.bias != nullptr};
  const bool is_tiled = rows >= CT_TILED_ROWS;
  const Grid grid =
      is_tiled ? tile_grid(rows, CT_LINEAR_TILE, outputs, CT_LINEAR_TILE)
               : Grid{blocks_for(outputs, block_threads / warp_threads), rows, 1, block_threads};
  return launch_kernel(device, call, is_tiled ? Kernel::linear_tile_f32 : Kernel::linear_f32, grid,
                       sizes, buffer_of(args.out), buffer_of(args.x), buffer_of(args.weight),
                       buffer_of(args.bias, outputs));
}

}  // namespace ct
