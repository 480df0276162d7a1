// The operators whose rows are independent of each other, on a GPU.
#include "../../common/operators.h"
#include "../sizes.h"
#include "launch.h"

namespace ct {
namespace {

// A thread for each element of a matrix.
Grid element_grid(uint32_t rows, uint32_t columns) {
  return {rows, blocks_for(columns, block_threads), 1, block_threads};
}

// A thread for four elements.
Grid quad_grid(uint32_t rows, uint32_t columns) {
  return {rows, blocks_for(columns, 4 * block_threads), 1, block_threads};
}

// Whether the heads of all rows begin at multiples of 16 bytes.
template <typename T>
bool heads_are_wide(const Matrix<T>& x, uint32_t heads, uint32_t head_size) {
  return rows_are_wide(x) && (heads == 1 || head_size % 4 == 0);
}

bool run_elementwise(ct_device* device, const char* call, Kernel kernel,
                     const ElementwiseArgs& args) {
  const Floats& out = args.out;
  const bool wide = rows_are_wide(out) && rows_are_wide(args.x) && rows_are_wide(args.y);
  const ElementwiseSizes sizes = {out.stride, args.x.stride, args.y.stride, out.columns, wide};
  return launch_kernel(device, call, kernel, quad_grid(out.rows, out.columns), sizes,
                       buffer_of(out), buffer_of(args.x), buffer_of(args.y));
}

bool gather(ct_device* device, const char* call, Kernel kernel, const Floats& out,
            const KernelBuffer& from, uint64_t from_stride, const int32_t* rows) {
  const RowsSizes sizes = {out.stride, from_stride, out.columns};
  return launch_kernel(device, call, kernel, element_grid(out.rows, out.columns), sizes,
                       buffer_of(out), from, buffer_of(rows, out.rows));
}

}  // namespace

bool run_add(ct_device* device, const ElementwiseArgs& args) {
  return run_elementwise(device, "ct_add", Kernel::add, args);
}

bool run_silu(ct_device* device, const ElementwiseArgs& args) {
  const Floats& out = args.out;
  const bool wide = rows_are_wide(out) && rows_are_wide(args.x);
  const ElementwiseSizes sizes = {out.stride, args.x.stride, 0, out.columns, wide};
  return launch_kernel(device, "ct_silu", Kernel::silu, quad_grid(out.rows, out.columns), sizes,
                       buffer_of(out), buffer_of(args.x));
}

bool run_swiglu(ct_device* device, const ElementwiseArgs& args) {
  return run_elementwise(device, "ct_swiglu", Kernel::swiglu, args);
}

bool run_rms_norm(ct_device* device, const RmsNormArgs& args) {
  const bool wide = heads_are_wide(args.out, args.heads, args.head_size) &&
                    rows_are_wide(args.x) && rows_are_wide(args.weight, 0, sizeof(float));
  const NormSizes sizes = {args.out.stride, args.x.stride, args.head_size, args.epsilon, wide};
  return launch_kernel(device, "ct_rms_norm", Kernel::rms_norm,
                       {args.out.rows, args.heads, 1, block_threads}, sizes, buffer_of(args.out),
                       buffer_of(args.x), buffer_of(args.weight, args.head_size));
}

bool run_gated_norm(ct_device* device, const GatedNormArgs& args) {
  const bool wide = heads_are_wide(args.out, args.heads, args.head_size) &&
                    rows_are_wide(args.x) && rows_are_wide(args.gate) &&
                    rows_are_wide(args.weight, 0, sizeof(float));
  const GatedNormSizes sizes = {args.out.stride, args.x.stride, args.gate.stride, args.head_size,
                                args.epsilon,    wide};
  return launch_kernel(device, "ct_gated_norm", Kernel::gated_norm,
                       {args.out.rows, args.heads, 1, block_threads}, sizes, buffer_of(args.out),
                       buffer_of(args.x), buffer_of(args.gate),
                       buffer_of(args.weight, args.head_size));
}

bool run_embedding(ct_device* device, const EmbeddingArgs& args) {
  const Typed& table = args.table;
  const Floats& out = args.out;
  if (is_packed(table.type)) {
    const PackedRowsSizes sizes = {packed_sizes(table), out.stride, out.columns};
    return launch_kernel(device, "ct_embedding", Kernel::gather_rows_packed,
                         element_grid(out.rows, out.columns), sizes, buffer_of(out),
                         packed_buffer(table), buffer_of(args.tokens, out.rows));
  }
  const bool rounded = table.type == CT_BF16;
  const Kernel kernel = rounded ? Kernel::gather_rows_bf16 : Kernel::gather_rows_f32;
  return gather(device, "ct_embedding", kernel, out, buffer_of(table), table.stride, args.tokens);
}

bool run_gather_rows(ct_device* device, const RowsArgs& args) {
  return gather(device, "ct_gather_rows", Kernel::gather_rows_f32, args.out, buffer_of(args.x),
                args.x.stride, args.rows);
}

bool run_scatter_rows(ct_device* device, const RowsArgs& args) {
  const RowsSizes sizes = {args.out.stride, args.x.stride, args.x.columns};
  return launch_kernel(device, "ct_scatter_rows", Kernel::scatter_rows,
                       element_grid(args.count, args.x.columns), sizes, buffer_of(args.out),
                       buffer_of(args.x), buffer_of(args.rows, args.count));
}

bool run_rotary(ct_device* device, const RotaryArgs& args) {
  RotarySizes sizes = {args.out.stride, args.x.stride, args.heads * args.head_size / 2,
                       args.head_size / 2, {}};
  return fill_frequencies("ct_rotary", sizes.frequencies, args.head_size, args.theta) &&
         launch_kernel(device, "ct_rotary", Kernel::rotary,
                       element_grid(args.out.rows, sizes.pairs), sizes, buffer_of(args.out),
                       buffer_of(args.x), buffer_of(args.positions, args.out.rows));
}

}  // namespace ct
