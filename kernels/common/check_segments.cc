// Checks of the operators that work along segments: states and caches.
#include "arguments.h"
#include "indices.h"
#include "operands.h"
#include "status.h"

namespace ct {
namespace {

constexpr uint32_t largest_chunk = 128;

Indices page_table(const Operand& pages) {
  const ct_tensor& t = *pages.tensor;
  return {static_cast<const int32_t*>(t.data), t.rows, t.columns, t.stride};
}

// Both caches are whole pages of one shape and type.
bool are_caches(const Call& call, const Operand& keys, const Operand& values) {
  if (!is_weight(call, keys) || !is_weight(call, values) ||
      !has_shape(call, values, keys.tensor->rows, keys.tensor->columns, keys)) {
    return false;
  }
  if (values.tensor->type != keys.tensor->type) {
    return fail("%s: values is %s but keys is %s; pass caches of one type", call.name,
                type_name(values.tensor->type), type_name(keys.tensor->type));
  }
  if (keys.tensor->rows % CT_PAGE_TOKENS == 0) return is_apart(call, values, keys);
  return fail("%s: keys has %u rows; pass whole pages of %u", call.name, keys.tensor->rows,
              CT_PAGE_TOKENS);
}

// The indices that place the rows of `x` in the caches; see are_pages for `before`.
bool are_places(Segments& result, const Call& call, const Operand& positions,
                const Operand& segments, const Operand& pages, const Operand& keys,
                const Operand& x, uint32_t before) {
  return is_indices_of(call, positions, 1, x.tensor->rows, x) &&
         check_segments(result, call, segments, {}, {}, x) && is_indices(call, pages) &&
         has_shape(call, pages, result.count, any, segments) &&
         are_positions(call, positions, result) &&
         are_pages(call, pages, positions, result, keys, before);
}

template <uint32_t count>
bool are_apart(const Call& call, const Operand& out, const Operand (&inputs)[count]) {
  for (const Operand& input : inputs) {
    if (input.tensor && !is_apart(call, out, input)) return false;
  }
  return true;
}

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

bool check_cache_append(CacheAppendArgs& args, const ct_device* device, const ct_tensor* keys,
                        const ct_tensor* values, const ct_tensor* k, const ct_tensor* v,
                        const ct_tensor* positions, const ct_tensor* segments,
                        const ct_tensor* pages) {
  const Call call{"ct_cache_append", device};
  const Operand key_cache{"keys", keys}, value_cache{"values", values}, key{"k", k}, value{"v", v};
  const Operand where{"positions", positions}, starts{"segments", segments}, table{"pages", pages};
  if (!are_caches(call, key_cache, value_cache) ||
      !is_floats_of(call, key, any, keys->columns, key_cache) ||
      !is_floats_of(call, value, k->rows, k->columns, key) ||
      !are_places(args.segments, call, where, starts, table, key_cache, key, 0) ||
      !are_apart(call, key_cache, {key, value, where, starts, table}) ||
      !are_apart(call, value_cache, {key, value, where, starts, table})) {
    return false;
  }
  args = {typed(key_cache), typed(value_cache), const_floats(key), const_floats(value),
          index_row(where), args.segments,     page_table(table)};
  return true;
}

bool check_attention(AttentionArgs& args, const ct_device* device, const ct_tensor* out,
                     const ct_tensor* q, const ct_tensor* keys, const ct_tensor* values,
                     const ct_tensor* positions, const ct_tensor* segments, const ct_tensor* pages,
                     uint32_t head_size, uint32_t window) {
  const Call call{"ct_attention", device};
  const Operand to{"out", out}, query{"q", q};
  const Operand key_cache{"keys", keys}, value_cache{"values", values};
  const Operand where{"positions", positions}, starts{"segments", segments}, table{"pages", pages};
  if (!is_floats(call, query) || !is_floats_of(call, to, q->rows, q->columns, query) ||
      !are_caches(call, key_cache, value_cache) || !divides(call, query, head_size, "head_size") ||
      !divides(call, key_cache, head_size, "head_size")) {
    return false;
  }
  const uint32_t heads = q->columns / head_size, kv_heads = keys->columns / head_size;
  if (heads % kv_heads) {
    return fail("%s: q has %u heads but keys has %u; pass a multiple of them", call.name, heads,
                kv_heads);
  }
  if (!are_places(args.segments, call, where, starts, table, key_cache, query, window - 1) ||
      !are_apart(call, to, {query, key_cache, value_cache, where, starts, table})) {
    return false;
  }
  args = {floats(to), const_floats(query), typed(key_cache), typed(value_cache), index_row(where),
          args.segments, page_table(table), heads, kv_heads, head_size, window};
  return true;
}

}  // namespace ct
