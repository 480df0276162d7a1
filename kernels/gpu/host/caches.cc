// The operators on paged caches, on a GPU.
#include <math.h>

#include "../../common/operators.h"
#include "launch.h"

namespace ct {
namespace {

static_assert(CT_PAGE_TOKENS == 16, "attention.h has half a warp for a page");

float score_scale(uint32_t head_size) { return 1.0f / sqrtf(float(head_size)); }

}  // namespace

bool run_cache_append(ct_device* device, const CacheAppendArgs& args) {
  const uint32_t columns = args.keys.columns;
  const bool has_bounds = args.bounds.data != nullptr;
  const CacheAppendSizes sizes = {args.keys.stride,   args.values.stride, args.k.stride,
                                  args.v.stride,      args.bounds.stride, columns,
                                  args.k.rows,        CT_PAGE_TOKENS,     has_bounds};
  const Kernel kernel =
      args.keys.type == CT_BF16 ? Kernel::cache_append_bf16 : Kernel::cache_append_f32;
  return launch_kernel(device, "ct_cache_append", kernel,
                       {blocks_for(columns, block_threads), 2, 1, block_threads}, sizes,
                       buffer_of(args.keys), buffer_of(args.values), buffer_of(args.k),
                       buffer_of(args.v), buffer_of(args.rows, args.k.rows),
                       buffer_of(args.bounds));
}

bool run_attention(ct_device* device, const AttentionArgs& args) {
  const char* const call = "ct_attention";
  const uint32_t rows = args.q.rows;
  const uint32_t spans = blocks_for(args.table.pages.columns, CT_ATTENTION_SPAN);
  AttentionSizes sizes = {table_sizes(args.table),
                          args.q.stride,
                          args.keys.stride,
                          args.values.stride,
                          args.segments.count,
                          spans,
                          args.heads,
                          args.heads / args.kv_heads,
                          args.head_size,
                          args.window,
                          score_scale(args.head_size),
                          {}};
  if (!fill_frequencies(call, sizes.frequencies, args.head_size, args.theta)) return false;
  // What each span gives: its totals, then its greatest score and its sum.
  const uint64_t parts = uint64_t{rows} * args.heads * spans;
  float* const memory = static_cast<float*>(
      device_scratch(device, call, parts * (args.head_size + 2) * sizeof(float)));
  if (!memory) return false;
  const KernelBuffer totals = buffer_of(memory, parts * args.head_size);
  const KernelBuffer marks = buffer_of(memory + parts * args.head_size, parts * 2);
  const Kernel kernel = args.keys.type == CT_BF16 ? Kernel::attention_bf16 : Kernel::attention_f32;
  const JoinAttentionSizes joining = {args.out.stride, spans, args.heads, args.head_size};
  return launch_kernel(device, call, kernel, {rows, args.heads, spans, warp_threads}, sizes, totals,
                       marks, buffer_of(args.q), buffer_of(args.keys), buffer_of(args.values),
                       buffer_of(args.positions, rows), starts_of(args.segments),
                       buffer_of(args.table.pages), buffer_of(args.table.starts),
                       buffer_of(args.table.shifts)) &&
         launch_kernel(device, call, Kernel::join_attention, {rows, args.heads, 1, warp_threads},
                       joining, buffer_of(args.out), totals, marks);
}

bool run_page_scores(ct_device* device, const PageScoresArgs& args) {
  const char* const call = "ct_page_scores";
  const uint32_t rows = args.q.rows, width = args.table.pages.columns;
  PageLimitsSizes sizes = {table_sizes(args.table),
                           args.q.stride,
                           args.bounds.stride,
                           args.segments.count,
                           args.heads,
                           args.heads / args.kv_heads,
                           args.head_size,
                           args.bounds.columns,
                           score_scale(args.head_size),
                           {}};
  if (!fill_frequencies(call, sizes.frequencies, args.head_size, args.theta)) return false;
  const uint64_t bytes = uint64_t{rows} * args.heads * width * sizeof(float);
  const KernelBuffer limits = {device_scratch(device, call, bytes), bytes};
  if (!limits.data) return false;
  const PageScoresSizes joining = {args.scores.stride, width, args.heads};
  return launch_kernel(device, call, Kernel::page_limits, {rows, args.heads, 1, block_threads},
                       sizes, limits, buffer_of(args.q), buffer_of(args.bounds),
                       buffer_of(args.positions, rows), starts_of(args.segments),
                       buffer_of(args.table.pages), buffer_of(args.table.starts),
                       buffer_of(args.table.shifts)) &&
         launch_kernel(device, call, Kernel::page_scores,
                       {args.segments.count, blocks_for(width, block_threads), 1, block_threads},
                       joining, buffer_of(args.scores), limits, starts_of(args.segments));
}

bool run_select_pages(ct_device* device, const SelectPagesArgs& args) {
  const char* const call = "ct_select_pages";
  const uint32_t rows = args.pages.rows;
  const uint64_t bytes = uint64_t{rows} * args.table.pages.columns * sizeof(int32_t);
  const KernelBuffer marks = {device_scratch(device, call, bytes), bytes};
  if (!marks.data) return false;
  const SelectPagesSizes sizes = {
      table_sizes(args.table),
      {args.pages.stride, args.starts.stride, args.shifts.stride, args.pages.columns},
      args.scores.stride,
      args.recent};
  return launch_kernel(device, call, Kernel::select_pages, {rows, 1, 1, block_threads}, sizes,
                       buffer_of(args.pages), buffer_of(args.starts), buffer_of(args.shifts), marks,
                       buffer_of(args.scores), buffer_of(args.table.pages),
                       buffer_of(args.table.starts), buffer_of(args.table.shifts));
}

}  // namespace ct
