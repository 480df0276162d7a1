// The operators that search a row, on a GPU.
#include "../../common/operators.h"
#include "launch.h"

namespace ct {

namespace {

// `sizes` lacks spans and listed.
bool find_greatest(ct_device* device, const char* call, TopKSizes sizes, const ConstFloats& x,
                   const KernelBuffer& values, const KernelBuffer& indices) {
  sizes.spans = blocks_for(x.columns, CT_TOP_K_SPAN);
  sizes.listed = sizes.count < CT_TOP_K_SPAN ? sizes.count : CT_TOP_K_SPAN;
  const uint64_t bytes = uint64_t{x.rows} * sizes.spans * sizes.listed * sizeof(uint32_t);
  const KernelBuffer listed = {device_scratch(device, call, bytes), bytes};
  return listed.data &&
         launch_kernel(device, call, Kernel::top_k_spans, {x.rows, sizes.spans, 1, block_threads},
                       sizes, listed, buffer_of(x)) &&
         launch_kernel(device, call, Kernel::top_k, {x.rows, 1, 1, block_threads}, sizes, values,
                       indices, listed, buffer_of(x));
}

}  // namespace

bool run_argmax(ct_device* device, const ArgmaxArgs& args) {
  const TopKSizes sizes = {0, 1, args.x.stride, args.x.columns, 1, 0, 0, false};
  return find_greatest(device, "ct_argmax", sizes, args.x, {}, buffer_of(args.out, args.x.rows));
}

bool run_top_k(ct_device* device, const TopKArgs& args) {
  const TopKSizes sizes = {args.values.stride, args.indices.stride, args.x.stride, args.x.columns,
                           args.values.columns, 0, 0, true};
  return find_greatest(device, "ct_top_k", sizes, args.x, buffer_of(args.values),
                       buffer_of(args.indices));
}

bool run_log_sum_exp(ct_device* device, const LogSumExpArgs& args) {
  const char* const call = "ct_log_sum_exp";
  const ConstFloats& x = args.x;
  const uint32_t parts = blocks_for(x.columns, CT_ROW_PART);
  const LogSumExpSizes sizes = {x.stride, x.columns, parts, rows_are_wide(x)};
  const uint64_t bytes = uint64_t{x.rows} * parts * 2 * sizeof(float);
  const KernelBuffer marks = {device_scratch(device, call, bytes), bytes};
  return marks.data &&
         launch_kernel(device, call, Kernel::log_sum_exp_parts, {x.rows, parts, 1, block_threads},
                       sizes, marks, buffer_of(x), buffer_of(args.scales, x.rows)) &&
         launch_kernel(device, call, Kernel::log_sum_exp, {x.rows, 1, 1, warp_threads}, sizes,
                       buffer_of(args.out, x.rows), marks);
}

}  // namespace ct
