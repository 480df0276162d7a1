// Attention over paged caches with grouped queries, an online softmax page by page.
//
// Pages begin at multiples of CT_PAGE_TOKENS of the absolute position, so what a query gathers, and
// in which order, follows from its position alone: not from how a prompt was cut, nor other rows.
#include "attention_page.h"
#include "kernel_table.h"
#include "parts.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Rows of a segment that share each page once it is in scratch.
constexpr uint32_t attention_tile_rows = 4;

// How a call is cut into tasks: some rows by some query heads of one kv head.
struct AttentionPlan {
  uint32_t rows;  // of a task
  uint32_t heads;  // of a task
  uint32_t row_blocks, head_blocks;  // head_blocks: for each kv head
};

AttentionPlan plan_attention(const AttentionArgs& args, uint32_t threads) {
  const uint32_t group = args.heads / args.kv_heads, rows = args.q.rows;
  AttentionPlan plan;
  plan.rows = rows < 8 * threads ? 1 : attention_tile_rows;
  plan.row_blocks = (rows + plan.rows - 1) / plan.rows;
  // Heads that are apart read the keys once each: only where threads would stand idle.
  const uint64_t tasks = uint64_t{plan.row_blocks} * args.kv_heads;
  const uint32_t wanted = tasks && tasks < threads ? uint32_t((threads + tasks - 1) / tasks) : 1;
  plan.heads = (group + wanted - 1) / wanted;
  plan.head_blocks = (group + plan.heads - 1) / plan.heads;
  return plan;
}

// Rows first ... first + rows - 1, of one segment, and some query heads of one kv head.
struct AttentionTask {
  const AttentionArgs& args;
  uint32_t segment, first, rows;
  uint32_t kv_head, first_head, heads;

  uint32_t position(uint32_t r) const { return uint32_t(args.positions[first + r]); }
  uint32_t lowest(uint32_t r) const {  // position that row r sees
    const uint32_t p = position(r);
    return args.window && p >= args.window ? p - args.window + 1 : 0;
  }
};

struct AttentionScratch {
  AttentionPage page;
  float* queries;  // [rows * heads, stride]
  AttentionHeads heads;  // of all rows
};

// Lays scratch out (null will do to measure); returns its bytes.
uint64_t place_attention(AttentionScratch& to, const AttentionPlan& plan, uint32_t head_size,
                         void* scratch) {
  uintptr_t next = reinterpret_cast<uintptr_t>(scratch);
  const auto place = [&](uint64_t floats) {
    float* const array = reinterpret_cast<float*>(next);
    next += floats * sizeof(float);
    return array;
  };
  const uint64_t stride = padded(head_size), queries = uint64_t{plan.rows} * plan.heads;
  to.page.keys = place(CT_PAGE_TOKENS * stride);
  to.page.values = place(CT_PAGE_TOKENS * stride);
  to.page.stride = stride;
  to.queries = place(queries * stride);
  to.heads.queries = to.queries;
  to.heads.totals = place(queries * stride);
  to.heads.scores = place(queries * CT_PAGE_TOKENS);
  to.heads.greatest = place(queries);
  to.heads.sums = place(queries);
  return next - reinterpret_cast<uintptr_t>(scratch);
}

AttentionHeads heads_from(const AttentionHeads& all, uint64_t i, uint64_t stride) {
  return {all.queries + i * stride, all.scores + i * CT_PAGE_TOKENS, all.totals + i * stride,
          all.greatest + i, all.sums + i};
}

void begin_attention(const AttentionTask& task, const AttentionScratch& scratch) {
  const uint32_t size = task.args.head_size;
  const uint64_t stride = scratch.page.stride;
  for (uint32_t i = 0; i < task.rows * task.heads; ++i) {
    const uint64_t head = task.first_head + i % task.heads;
    const float* const query = task.args.q.row(task.first + i / task.heads) + head * size;
    for (uint32_t c = 0; c < size; c += lanes) {
      store(scratch.queries + i * stride + c, load_up_to(query + c, size - c));
      store(scratch.heads.totals + i * stride + c, Vector{});
    }
    scratch.heads.greatest[i] = -__builtin_inff();
    scratch.heads.sums[i] = 0;
  }
}

void end_attention(const AttentionTask& task, const AttentionScratch& scratch) {
  const uint32_t size = task.args.head_size;
  for (uint32_t i = 0; i < task.rows * task.heads; ++i) {
    const uint64_t head = task.first_head + i % task.heads;
    float* const out = task.args.out.row(task.first + i / task.heads) + head * size;
    const float* const total = scratch.heads.totals + i * scratch.page.stride;
    const float scale = 1.0f / scratch.heads.sums[i];
    for (uint32_t c = 0; c < size; c += lanes) {
      store_up_to(out + c, load(total + c) * scale, size - c);
    }
  }
}

template <typename T>
void load_page(const AttentionTask& task, const AttentionPage& page, uint32_t number,
               uint32_t begin, uint32_t end) {
  const AttentionArgs& args = task.args;
  const int32_t* const table = args.pages.row(task.segment);
  const uint64_t place = uint64_t(table[number % args.pages.columns]) * CT_PAGE_TOKENS + begin;
  const uint64_t column = uint64_t{task.kv_head} * args.head_size;
  load_page_rows(page.keys + begin * page.stride, page.stride, args.keys.row<T>(place) + column,
                 args.keys.stride, end - begin, args.head_size);
  load_page_rows(page.values + begin * page.stride, page.stride,
                 args.values.row<T>(place) + column, args.values.stride, end - begin,
                 args.head_size);
}

// The part of page `number` in positions first ... last, as tokens of the page.
struct PageSpan {
  uint32_t begin, end;
};

PageSpan span_of_page(uint32_t number, uint32_t first, uint32_t last) {
  const uint32_t start = number * CT_PAGE_TOKENS;
  return {first > start ? first - start : 0, smaller(last - start + 1, CT_PAGE_TOKENS)};
}

template <typename T>
void attend_rows(const AttentionTask& task, const AttentionScratch& scratch, float scale) {
  begin_attention(task, scratch);
  const uint32_t lowest = task.lowest(0), last = task.position(task.rows - 1);
  for (uint32_t number = lowest / CT_PAGE_TOKENS; number <= last / CT_PAGE_TOKENS; ++number) {
    const PageSpan seen = span_of_page(number, lowest, last);
    load_page<T>(task, scratch.page, number, seen.begin, seen.end);
    for (uint32_t r = 0; r < task.rows; ++r) {
      const uint32_t first = task.lowest(r), position = task.position(r);
      if (number < first / CT_PAGE_TOKENS || number > position / CT_PAGE_TOKENS) continue;
      const PageSpan span = span_of_page(number, first, position);
      for (uint32_t h = 0; h < task.heads; h += 2) {
        const uint64_t i = uint64_t{r} * task.heads + h;
        const AttentionHeads heads = heads_from(scratch.heads, i, scratch.page.stride);
        if (h + 1 < task.heads) {
          attend_page<2>(heads, scratch.page, span.begin, span.end, scale);
        } else {
          attend_page<1>(heads, scratch.page, span.begin, span.end, scale);
        }
      }
    }
  }
  end_attention(task, scratch);
}

uint32_t segment_of_row(const Segments& segments, uint32_t row) {
  uint32_t low = 0, high = segments.count;  // the answer is in low ... high - 1
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    (uint32_t(segments.starts[middle]) <= row ? low : high) = middle;
  }
  return low;
}

}  // namespace

bool attention(ThreadPool& pool, const AttentionArgs& args) {
  const AttentionPlan plan = plan_attention(args, pool.threads());
  AttentionScratch measured;
  if (!pool.reserve(place_attention(measured, plan, args.head_size, nullptr))) return false;
  const uint32_t group = args.heads / args.kv_heads;
  const float scale = 1.0f / __builtin_sqrtf(float(args.head_size));
  const uint32_t head_tasks = args.kv_heads * plan.head_blocks;
  pool.run(plan.row_blocks * head_tasks, [&](uint32_t index, uint32_t thread) {
    AttentionScratch scratch;
    place_attention(scratch, plan, args.head_size, pool.scratch(thread));
    const uint32_t kv_head = index % head_tasks / plan.head_blocks;
    const uint32_t skipped = index % plan.head_blocks * plan.heads;
    const uint32_t begin = index / head_tasks * plan.rows;
    const uint32_t end = smaller(begin + plan.rows, args.q.rows);
    for (uint32_t row = begin; row < end;) {
      const uint32_t s = segment_of_row(args.segments, row);
      const uint32_t stop = smaller(end, uint32_t(args.segments.starts[s + 1]));
      const AttentionTask task{args, s, row, stop - row, kv_head, kv_head * group + skipped,
                               smaller(plan.heads, group - skipped)};
      if (args.keys.type == CT_BF16) {
        attend_rows<bf16>(task, scratch, scale);
      } else {
        attend_rows<float>(task, scratch, scale);
      }
      row = stop;
    }
  });
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
