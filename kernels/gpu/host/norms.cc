// rms_norm and gated_norm on a GPU.
#include "../../common/operators.h"
#include "../sizes.h"
#include "launch.h"

namespace ct {

bool run_rms_norm(ct_device* device, const RmsNormArgs& args) {
  const Floats& out = args.out;
  const NormSizes sizes = {out.stride, args.x.stride, out.columns, args.epsilon};
  return launch_kernel(device, "ct_rms_norm", Kernel::rms_norm, {out.rows, 1, 1, block_threads},
                       sizes, buffer_of(out), buffer_of(args.x),
                       buffer_of(args.weight, out.columns));
}

}  // namespace ct
