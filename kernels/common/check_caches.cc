// Checks of the operators on paged caches.
#include "arguments.h"
#include "indices.h"
#include "operands.h"
#include "status.h"

namespace ct {
namespace {

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

// The query heads are a multiple of the kv heads.
bool are_heads(const Call& call, uint32_t heads, const Operand& cache, uint32_t kv_heads) {
  if (heads % kv_heads == 0) return true;
  return fail("%s: q has %u heads but %s has %u; pass a multiple of them", call.name, heads,
              cache.name, kv_heads);
}

Matrix<int32_t> chosen_table(const Operand& table) {
  const ct_tensor& t = *table.tensor;
  return {static_cast<int32_t*>(t.data), t.rows, t.columns, t.stride};
}

}  // namespace

bool check_cache_append(CacheAppendArgs& args, const ct_device* device, const ct_tensor* keys,
                        const ct_tensor* values, const ct_tensor* k, const ct_tensor* v,
                        const ct_tensor* rows, const ct_tensor* bounds) {
  const Call call{"ct_cache_append", device};
  const Operand key_cache{"keys", keys}, value_cache{"values", values}, key{"k", k}, value{"v", v};
  const Operand which{"rows", rows}, extent{"bounds", bounds};
  if (!are_caches(call, key_cache, value_cache) ||
      !is_floats_of(call, key, any, keys->columns, key_cache) ||
      !is_floats_of(call, value, k->rows, k->columns, key) ||
      !is_indices_of(call, which, 1, k->rows, key) || !are_distinct_rows(call, which, key_cache)) {
    return false;
  }
  if (bounds && (!is_floats_of(call, extent, keys->rows / CT_PAGE_TOKENS,
                               uint64_t{keys->columns} * 2, key_cache) ||
                 !are_apart(call, extent, {key_cache, value_cache, key, value, which}))) {
    return false;
  }
  if (!are_apart(call, key_cache, {key, value, which}) ||
      !are_apart(call, value_cache, {key, value, which})) {
    return false;
  }
  args = {typed(key_cache), typed(value_cache), const_floats(key), const_floats(value),
          index_row(which), bounds ? floats(extent) : Floats{}};
  return true;
}

bool check_attention(AttentionArgs& args, const ct_device* device, const ct_tensor* out,
                     const ct_tensor* q, const ct_tensor* keys, const ct_tensor* values,
                     const ct_tensor* positions, const ct_tensor* segments, const ct_tensor* pages,
                     const ct_tensor* starts, const ct_tensor* shifts, uint32_t head_size,
                     uint32_t window, float theta) {
  const Call call{"ct_attention", device};
  const Operand to{"out", out}, query{"q", q}, where{"positions", positions};
  const Operand key_cache{"keys", keys}, value_cache{"values", values}, parts{"segments", segments};
  const PageOperands table{{"pages", pages}, {"starts", starts}, {"shifts", shifts}};
  if (!is_floats(call, query) || !is_floats_of(call, to, q->rows, q->columns, query) ||
      !are_caches(call, key_cache, value_cache) || !is_rotary(call, head_size, theta) ||
      !divides(call, query, head_size, "head_size") ||
      !divides(call, key_cache, head_size, "head_size")) {
    return false;
  }
  const uint32_t heads = q->columns / head_size, kv_heads = keys->columns / head_size;
  if (!are_heads(call, heads, key_cache, kv_heads) ||
      !is_indices_of(call, where, 1, q->rows, query) ||
      !check_segments(args.segments, call, parts, {}, {}, query) ||
      !check_page_table(args.table, call, table, args.segments.count, any, parts,
                        keys->rows / CT_PAGE_TOKENS) ||
      !are_positions(call, where, parts) ||
      !are_in_pages(call, where, parts, table) ||
      !are_apart(call, to, {query, key_cache, value_cache, where, parts, table.pages,
                            table.starts, table.shifts})) {
    return false;
  }
  args = {floats(to), const_floats(query), typed(key_cache), typed(value_cache), index_row(where),
          args.segments, args.table, heads, kv_heads, head_size, window, theta};
  return true;
}

bool check_page_scores(PageScoresArgs& args, const ct_device* device, const ct_tensor* scores,
                       const ct_tensor* q, const ct_tensor* bounds, const ct_tensor* positions,
                       const ct_tensor* segments, const ct_tensor* pages, const ct_tensor* starts,
                       const ct_tensor* shifts, uint32_t head_size, float theta) {
  const Call call{"ct_page_scores", device};
  const Operand to{"scores", scores}, query{"q", q}, extent{"bounds", bounds};
  const Operand where{"positions", positions}, parts{"segments", segments};
  const PageOperands table{{"pages", pages}, {"starts", starts}, {"shifts", shifts}};
  if (!is_floats(call, query) || !is_floats(call, extent) || !is_rotary(call, head_size, theta) ||
      !divides(call, query, head_size, "head_size") ||
      !divides(call, extent, uint64_t{head_size} * 2, "size of a head's bounds, 2 * head_size,")) {
    return false;
  }
  const uint32_t heads = q->columns / head_size, kv_heads = bounds->columns / 2 / head_size;
  if (!are_heads(call, heads, extent, kv_heads) || !is_indices_of(call, where, 1, q->rows, query) ||
      !check_segments(args.segments, call, parts, {}, {}, query) ||
      !check_page_table(args.table, call, table, args.segments.count, any, parts, bounds->rows) ||
      !is_floats_of(call, to, pages->rows, pages->columns, table.pages) ||
      !are_positions(call, where, parts) ||
      !are_apart(call, to, {query, extent, where, parts, table.pages, table.starts,
                            table.shifts})) {
    return false;
  }
  args = {floats(to), const_floats(query), const_floats(extent), index_row(where), args.segments,
          args.table, heads, kv_heads, head_size, theta};
  return true;
}

bool check_select_pages(SelectPagesArgs& args, const ct_device* device,
                        const ct_tensor* chosen_pages, const ct_tensor* chosen_starts,
                        const ct_tensor* chosen_shifts, const ct_tensor* scores,
                        const ct_tensor* pages, const ct_tensor* starts, const ct_tensor* shifts,
                        uint32_t recent) {
  const Call call{"ct_select_pages", device};
  const Operand to_pages{"chosen_pages", chosen_pages}, to_starts{"chosen_starts", chosen_starts};
  const Operand to_shifts{"chosen_shifts", chosen_shifts}, marks{"scores", scores};
  const PageOperands table{{"pages", pages}, {"starts", starts}, {"shifts", shifts}};
  if (!is_floats(call, marks) ||
      !check_page_table(args.table, call, table, scores->rows, scores->columns, marks, INT32_MAX) ||
      !is_indices_of(call, to_pages, scores->rows, any, marks)) {
    return false;
  }
  const uint32_t count = chosen_pages->columns;
  if (!is_indices_of(call, to_starts, scores->rows, count, to_pages) ||
      !is_indices_of(call, to_shifts, scores->rows, count, to_pages)) {
    return false;
  }
  if (count > scores->columns) {
    return fail("%s: chosen_pages has %u columns but scores has %u; pass at most as many",
                call.name, count, scores->columns);
  }
  if (recent >= count) {
    return fail("%s: recent is %u but chosen_pages has %u columns; pass less", call.name, recent,
                count);
  }
  const auto& [from, places, moves] = table;
  if (!are_apart(call, to_pages, {marks, from, places, moves, to_starts, to_shifts}) ||
      !are_apart(call, to_starts, {marks, from, places, moves, to_shifts}) ||
      !are_apart(call, to_shifts, {marks, from, places, moves})) {
    return false;
  }
  args = {chosen_table(to_pages), chosen_table(to_starts), chosen_table(to_shifts),
          const_floats(marks), args.table, recent};
  return true;
}

}  // namespace ct
