// Checks of the operators whose rows are independent of each other.
#include "arguments.h"
#include "backend.h"
#include "operands.h"
#include "status.h"

namespace ct {
namespace {

bool is_epsilon(const Call& call, float epsilon) {
  if (epsilon >= 0) return true;
  return fail("%s: epsilon is %g; pass 0 or more", call.name, double(epsilon));
}

}  // namespace

bool check_rms_norm(RmsNormArgs& args, const ct_device* device, const ct_tensor* out,
                    const ct_tensor* x, const ct_tensor* weight, float epsilon) {
  const Call call{"ct_rms_norm", device};
  const Operand to{"out", out}, from{"x", x}, scale{"weight", weight};
  if (!is_floats(call, from) || !is_floats_of(call, to, x->rows, x->columns, from) ||
      !is_floats_of(call, scale, 1, any, from) ||
      !divides(call, from, weight->columns, "head size, the columns of weight,") ||
      !is_epsilon(call, epsilon) || !is_apart_or_same(call, to, from) ||
      !is_apart(call, to, scale)) {
    return false;
  }
  const uint32_t head_size = weight->columns;
  args = {floats(to), const_floats(from), float_row(scale), x->columns / head_size, head_size,
          epsilon};
  return true;
}

bool check_gated_norm(GatedNormArgs& args, const ct_device* device, const ct_tensor* out,
                      const ct_tensor* x, const ct_tensor* gate, const ct_tensor* weight,
                      float epsilon) {
  const Call call{"ct_gated_norm", device};
  const Operand to{"out", out}, from{"x", x}, by{"gate", gate}, scale{"weight", weight};
  if (!is_floats(call, from) || !is_floats_of(call, to, x->rows, x->columns, from) ||
      !is_floats_of(call, by, x->rows, x->columns, from) ||
      !is_floats_of(call, scale, 1, any, from) ||
      !divides(call, from, weight->columns, "head size, the columns of weight,") ||
      !is_epsilon(call, epsilon) || !is_apart_or_same(call, to, from) ||
      !is_apart(call, to, by) || !is_apart(call, to, scale)) {
    return false;
  }
  const uint32_t head_size = weight->columns;
  args = {floats(to),  const_floats(from), const_floats(by), float_row(scale),
          x->columns / head_size, head_size, epsilon};
  return true;
}

bool check_linear(LinearArgs& args, const ct_device* device, const ct_tensor* out,
                  const ct_tensor* x, const ct_tensor* weight, const ct_tensor* bias) {
  const Call call{"ct_linear", device};
  const Operand to{"out", out}, from{"x", x}, matrix{"weight", weight}, offset{"bias", bias};
  if (!is_floats(call, from) || !is_matrix(call, matrix)) return false;
  if (weight->columns != x->columns) {
    return fail("%s: weight has %u columns but x has %u; pass a weight of [*, %u]", call.name,
                weight->columns, x->columns, x->columns);
  }
  if (!is_floats(call, to)) return false;
  if (out->rows != x->rows || out->columns != weight->rows) {
    return fail("%s: out is [%u, %u] but x has %u rows and weight has %u; pass out of [%u, %u]",
                call.name, out->rows, out->columns, x->rows, weight->rows, x->rows, weight->rows);
  }
  if (bias && !(is_floats_of(call, offset, 1, weight->rows, matrix) &&
                is_apart(call, to, offset))) {
    return false;
  }
  if (!is_apart(call, to, from) || !is_apart(call, to, matrix)) return false;
  args = {floats(to), const_floats(from), typed(matrix), bias ? float_row(offset) : nullptr};
  return true;
}

bool check_add(ElementwiseArgs& args, const ct_device* device, const ct_tensor* out,
               const ct_tensor* x, const ct_tensor* y) {
  const Call call{"ct_add", device};
  const Operand to{"out", out}, left{"x", x}, right{"y", y};
  if (!is_floats(call, left) || !is_floats_of(call, right, x->rows, x->columns, left) ||
      !is_floats_of(call, to, x->rows, x->columns, left) || !is_apart_or_same(call, to, left) ||
      !is_apart_or_same(call, to, right)) {
    return false;
  }
  args = {floats(to), const_floats(left), const_floats(right)};
  return true;
}

bool check_silu(ElementwiseArgs& args, const ct_device* device, const ct_tensor* out,
                const ct_tensor* x) {
  const Call call{"ct_silu", device};
  const Operand to{"out", out}, from{"x", x};
  if (!is_floats(call, from) || !is_floats_of(call, to, x->rows, x->columns, from) ||
      !is_apart_or_same(call, to, from)) {
    return false;
  }
  args = {floats(to), const_floats(from), {}};
  return true;
}

bool check_swiglu(ElementwiseArgs& args, const ct_device* device, const ct_tensor* out,
                  const ct_tensor* gate, const ct_tensor* up) {
  const Call call{"ct_swiglu", device};
  const Operand to{"out", out}, left{"gate", gate}, right{"up", up};
  if (!is_floats(call, left) || !is_floats_of(call, right, gate->rows, gate->columns, left) ||
      !is_floats_of(call, to, gate->rows, gate->columns, left) ||
      !is_apart_or_same(call, to, left) || !is_apart_or_same(call, to, right)) {
    return false;
  }
  args = {floats(to), const_floats(left), const_floats(right)};
  return true;
}

bool check_rotary(RotaryArgs& args, const ct_device* device, const ct_tensor* out,
                  const ct_tensor* x, const ct_tensor* positions, uint32_t head_size, float theta) {
  const Call call{"ct_rotary", device};
  const Operand to{"out", out}, from{"x", x}, where{"positions", positions};
  if (!is_floats(call, from) || !is_floats_of(call, to, x->rows, x->columns, from) ||
      !is_indices_of(call, where, 1, x->rows, from) || !is_rotary(call, head_size, theta) ||
      !divides(call, from, head_size, "head_size")) {
    return false;
  }
  const int32_t* const values = index_values(*positions);
  for (uint32_t i = 0; values && i < x->rows; ++i) {
    if (values[i] >= 0) continue;
    return fail("%s: positions[%u] is %d; pass 0 or more", call.name, i, values[i]);
  }
  if (!is_apart_or_same(call, to, from) || !is_apart(call, to, where)) return false;
  args = {floats(to), const_floats(from), index_row(where), x->columns / head_size, head_size,
          theta};
  return true;
}

}  // namespace ct
