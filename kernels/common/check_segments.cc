// Checks of the operators that work along segments and keep a state.
#include "arguments.h"
#include "indices.h"
#include "operands.h"
#include "status.h"

namespace ct {
namespace {

constexpr uint32_t largest_chunk = 128;

}  // namespace

bool check_dynamic_convolution(DynamicConvolutionArgs& args, const ct_device* device,
                               const ct_tensor* out, const ct_tensor* x, const ct_tensor* taps,
                               const ct_tensor* state, const ct_tensor* segments,
                               const ct_tensor* slots) {
  const Call call{"ct_dynamic_convolution", device};
  const Operand to{"out", out}, from{"x", x}, filters{"taps", taps}, past{"state", state};
  const Operand starts{"segments", segments}, which{"slots", slots};
  if (!is_floats(call, from) || !is_floats_of(call, to, x->rows, x->columns, from) ||
      !is_floats_of(call, filters, x->rows, any, from) ||
      !divides(call, filters, x->columns, "number of channels, the columns of x,")) {
    return false;
  }
  const uint32_t width = taps->columns / x->columns;
  const bool has_state = width > 1 || state;
  if (has_state && !is_floats_of(call, past, any, uint64_t{width - 1} * x->columns, filters)) {
    return false;
  }
  if (!check_segments(args.segments, call, starts, which, past, from) ||
      !are_apart(call, to, {from, filters, past, starts, which}) ||
      (state && !are_apart(call, past, {from, filters, starts, which}))) {
    return false;
  }
  args.out = floats(to);
  args.x = const_floats(from);
  args.taps = const_floats(filters);
  args.state = width > 1 ? floats(past) : Floats{};
  args.width = width;
  return true;
}

bool check_gated_delta(GatedDeltaArgs& args, const ct_device* device, const ct_tensor* out,
                       const ct_tensor* q, const ct_tensor* k, const ct_tensor* v,
                       const ct_tensor* a, const ct_tensor* b, const ct_tensor* a_log,
                       const ct_tensor* dt_bias, const ct_tensor* state, const ct_tensor* segments,
                       const ct_tensor* slots, uint32_t chunk) {
  const Call call{"ct_gated_delta", device};
  const Operand to{"out", out}, query{"q", q}, key{"k", k}, value{"v", v}, decay{"a", a};
  const Operand rate{"b", b}, log{"a_log", a_log}, bias{"dt_bias", dt_bias}, memory{"state", state};
  const Operand starts{"segments", segments}, which{"slots", slots};
  if (!is_floats(call, decay)) return false;
  const uint32_t rows = a->rows, heads = a->columns;
  if (!is_floats_of(call, rate, rows, heads, decay) || !is_floats_of(call, log, 1, heads, decay) ||
      !is_floats_of(call, bias, 1, heads, decay) || !is_floats_of(call, query, rows, any, decay) ||
      !divides(call, query, heads, "number of heads, the columns of a,") ||
      !is_floats_of(call, key, rows, q->columns, query) ||
      !is_floats_of(call, value, rows, any, decay) ||
      !divides(call, value, heads, "number of heads, the columns of a,") ||
      !is_floats_of(call, to, rows, v->columns, value) || !is_weight(call, memory)) {
    return false;
  }
  const uint32_t key_size = q->columns / heads, value_size = v->columns / heads;
  const uint64_t state_size = uint64_t{q->columns} * value_size;
  if (state->columns != state_size) {
    return fail("%s: state has %u columns but %u heads of %u keys by %u values need %llu; pass "
                "state of [*, %llu]", call.name, state->columns, heads, key_size, value_size,
                (unsigned long long)state_size, (unsigned long long)state_size);
  }
  if (chunk > largest_chunk) {
    return fail("%s: chunk is %u; pass 0 up to %u", call.name, chunk, largest_chunk);
  }
  if (!check_segments(args.segments, call, starts, which, memory, decay) ||
      !are_apart(call, to, {query, key, value, decay, rate, log, bias, memory, starts, which}) ||
      !are_apart(call, memory, {query, key, value, decay, rate, log, bias, starts, which})) {
    return false;
  }
  args = {floats(to), const_floats(query), const_floats(key), const_floats(value),
          const_floats(decay), const_floats(rate), float_row(log), float_row(bias), typed(memory),
          args.segments, heads, key_size, value_size, chunk};
  return true;
}

}  // namespace ct
