// The operators on paged caches, on a GPU.
#include <math.h>

#include "../../common/operators.h"
#include "launch.h"

namespace ct {
namespace {

static_assert(CT_PAGE_TOKENS == 16, "attention.h has two tokens of a page for each row of lanes");

// What attention may keep of rows before they are joined; more rows are launched one after another.
constexpr uint64_t most_attention_scratch = 64 * 1024 * 1024;

float score_scale(uint32_t head_size) { return 1.0f / sqrtf(float(head_size)); }

// The query heads of a key head, in parts as even as they can be.
GroupSizes group_sizes(uint32_t heads, uint32_t kv_heads) {
  const uint32_t group = heads / kv_heads;
  return {heads, group, blocks_for(group, blocks_for(group, CT_GROUP_HEADS))};
}

uint32_t group_blocks(const GroupSizes& sizes) {
  return sizes.heads / sizes.group * blocks_for(sizes.group, sizes.group_part);
}

// Whether the halves of heads begin at multiples of 16 bytes in a matrix of such elements.
bool halves_are_wide(const void* data, uint64_t stride, uint32_t head_size,
                     uint32_t element_bytes) {
  return rows_are_wide(data, stride, element_bytes) && head_size / 2 * element_bytes % 16 == 0;
}

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
  const uint32_t rows = args.q.rows, heads = args.heads, head_size = args.head_size;
  const uint32_t spans = blocks_for(args.table.pages.columns, CT_ATTENTION_SPAN);
  const GroupSizes group = group_sizes(heads, args.kv_heads);
  const bool is_bf16 = args.keys.type == CT_BF16;
  const auto reads_wide = [&](const Typed& cache) {
    return halves_are_wide(cache.data, cache.stride, head_size, is_bf16 ? 2 : 4);
  };
  AttentionSizes sizes = {table_sizes(args.table),
                          group,
                          args.q.stride,
                          args.keys.stride,
                          args.values.stride,
                          args.segments.count,
                          spans,
                          head_size,
                          args.window,
                          0,
                          reads_wide(args.keys) && reads_wide(args.values),
                          score_scale(head_size),
                          {}};
  if (!fill_frequencies(call, sizes.frequencies, head_size, args.theta)) return false;
  // What each span gives: its totals, then its greatest score and its sum.
  const uint64_t row_parts = uint64_t{heads} * spans;
  const uint64_t row_bytes = row_parts * (head_size + 2) * sizeof(float);
  const uint64_t fitting = row_bytes ? most_attention_scratch / row_bytes : rows;
  const uint32_t rows_each = fitting > rows ? rows : fitting ? uint32_t(fitting) : 1;
  float* const memory =
      static_cast<float*>(device_scratch(device, call, rows_each * row_bytes));
  if (!memory) return false;
  const KernelBuffer totals = buffer_of(memory, rows_each * row_parts * head_size);
  const KernelBuffer marks =
      buffer_of(memory + rows_each * row_parts * head_size, rows_each * row_parts * 2);
  const Kernel kernel = is_bf16 ? Kernel::attention_bf16 : Kernel::attention_f32;
  JoinAttentionSizes joining = {args.out.stride, spans, heads, head_size, 0};
  for (uint32_t first = 0; first < rows; first += rows_each) {
    const uint32_t count = rows - first < rows_each ? rows - first : rows_each;
    sizes.first_row = joining.first_row = first;
    const bool launched =
        launch_kernel(device, call, kernel, {count, group_blocks(group), spans, block_threads},
                      sizes, totals, marks, buffer_of(args.q), buffer_of(args.keys),
                      buffer_of(args.values), buffer_of(args.positions, rows),
                      starts_of(args.segments), buffer_of(args.table.pages),
                      buffer_of(args.table.starts), buffer_of(args.table.shifts)) &&
        launch_kernel(device, call, Kernel::join_attention,
                      {count, heads, blocks_for(head_size, warp_threads), block_threads}, joining,
                      buffer_of(args.out), totals, marks);
    if (!launched) return false;
  }
  return true;
}

bool run_page_scores(ct_device* device, const PageScoresArgs& args) {
  const char* const call = "ct_page_scores";
  const uint32_t rows = args.q.rows, width = args.table.pages.columns;
  const GroupSizes group = group_sizes(args.heads, args.kv_heads);
  PageLimitsSizes sizes = {
      table_sizes(args.table),
      group,
      args.q.stride,
      args.bounds.stride,
      args.segments.count,
      args.head_size,
      args.bounds.columns,
      halves_are_wide(args.bounds.data, args.bounds.stride, args.head_size, 4),
      score_scale(args.head_size),
      {}};
  if (!fill_frequencies(call, sizes.frequencies, args.head_size, args.theta)) return false;
  const uint64_t queries = uint64_t{rows} * args.heads;
  float* const memory =
      static_cast<float*>(device_scratch(device, call, queries * (width + 1) * sizeof(float)));
  if (!memory) return false;
  const KernelBuffer limits = buffer_of(memory, queries * width);
  const KernelBuffer greatest = buffer_of(memory + queries * width, queries);
  const PageScoresSizes joining = {args.scores.stride, width, args.heads};
  return launch_kernel(device, call, Kernel::page_limits,
                       {rows, group_blocks(group), blocks_for(width, CT_LIMITS_PAGES),
                        block_threads},
                       sizes, limits, buffer_of(args.q), buffer_of(args.bounds),
                       buffer_of(args.positions, rows), starts_of(args.segments),
                       buffer_of(args.table.pages), buffer_of(args.table.starts),
                       buffer_of(args.table.shifts)) &&
         launch_kernel(device, call, Kernel::greatest_limits, {rows, args.heads, 1, block_threads},
                       joining, greatest, limits) &&
         launch_kernel(device, call, Kernel::page_scores,
                       {args.segments.count, blocks_for(width, block_threads), 1, block_threads},
                       joining, buffer_of(args.scores), limits, greatest, starts_of(args.segments));
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
