// The operators that search a row, on a GPU.
#include "../../common/operators.h"
#include "launch.h"

namespace ct {

bool run_argmax(ct_device* device, const ArgmaxArgs& args) {
  const ConstFloats& x = args.x;
  const TopKSizes sizes = {0, 1, x.stride, x.columns, 1, false};
  return launch_kernel(device, "ct_argmax", Kernel::top_k, {x.rows, 1, 1, block_threads}, sizes,
                       KernelBuffer{}, buffer_of(args.out, x.rows), buffer_of(x));
}

bool run_top_k(ct_device* device, const TopKArgs& args) {
  const ConstFloats& x = args.x;
  const TopKSizes sizes = {args.values.stride,  args.indices.stride, x.stride, x.columns,
                           args.values.columns, true};
  return launch_kernel(device, "ct_top_k", Kernel::top_k, {x.rows, 1, 1, block_threads}, sizes,
                       buffer_of(args.values), buffer_of(args.indices), buffer_of(x));
}

bool run_log_sum_exp(ct_device* device, const LogSumExpArgs& args) {
  const ConstFloats& x = args.x;
  const LogSumExpSizes sizes = {x.stride, x.columns};
  return launch_kernel(device, "ct_log_sum_exp", Kernel::log_sum_exp,
                       {x.rows, 1, 1, block_threads}, sizes, buffer_of(args.out, x.rows),
                       buffer_of(x), buffer_of(args.scales, x.rows));
}

}  // namespace ct
