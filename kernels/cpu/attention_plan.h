// How attention is cut into tasks.
#pragma once
#include "attention_gathered.h"
#include "kernel_table.h"
#include "split.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Rows of a segment that share each block of pages while it is in the caches.
constexpr uint32_t attention_tile_rows = 4;

struct AttentionPlan {
  uint32_t rows;  // of a task
  uint32_t kv_heads, heads;  // of a task; heads: of each kv head
  uint32_t group;  // query heads of a kv head
  uint32_t row_blocks, kv_blocks, head_blocks;  // head_blocks: for each kv head
  uint32_t spans;  // tasks that share a row's pages

  uint32_t queries() const { return rows * kv_heads * heads; }
  uint32_t head_tasks() const { return kv_blocks * head_blocks; }
  uint32_t kv_head(uint32_t part) const { return part / head_blocks * kv_heads; }
  uint32_t skipped(uint32_t part) const { return part % head_blocks * heads; }
  uint32_t heads_of(uint32_t part) const { return smaller(heads, group - skipped(part)); }
};

// A window is so short that it stays in one piece: which of its pages are listed depends on how a
// prompt was cut.
inline uint32_t pages_of_span(const AttentionArgs& args) {
  return args.window ? args.table.pages.columns : span_pages;
}

// One row takes all kv heads at once, as their keys lie side by side. Where threads would stand
// idle they share a long row's pages; a short one's kv heads, then its heads.
inline AttentionPlan plan_attention(const AttentionArgs& args, uint32_t threads) {
  const uint32_t rows = args.q.rows, width = args.table.pages.columns;
  AttentionPlan plan;
  plan.group = args.heads / args.kv_heads;
  plan.rows = rows < 8 * threads ? 1 : attention_tile_rows;
  plan.row_blocks = uint32_t(divide_up(rows, plan.rows));
  const bool idle = plan.row_blocks < threads;
  plan.spans = idle && !args.window ? uint32_t(divide_up(width, span_pages)) : 1;
  plan.kv_heads = plan.rows == 1 && (!idle || plan.spans > 1) ? args.kv_heads : 1;
  plan.kv_blocks = args.kv_heads / plan.kv_heads;
  const uint64_t tasks = uint64_t{plan.row_blocks} * plan.spans * plan.kv_blocks;
  const uint64_t wanted = tasks && tasks < threads ? divide_up(threads, tasks) : 1;
  plan.heads = plan.spans > 1 ? plan.group : uint32_t(divide_up(plan.group, wanted));
  plan.head_blocks = uint32_t(divide_up(plan.group, plan.heads));
  return plan;
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
