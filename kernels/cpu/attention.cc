// Attention over paged caches with grouped queries, an online softmax page by page.
//
// What a query gathers, and in which order, follows from the listed pages and its position alone:
// not from how a prompt was cut, nor from other rows.
#include "attention_page.h"
#include "kernel_table.h"
#include "page_table.h"
#include "query_turns.h"

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
  QueryTurns turns;  // of all rows' heads
  AttentionHeads heads;  // of all rows; queries is that of the page at hand
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
  place_query_turns(to.turns, place, queries, head_size);
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

void begin_attention(const AttentionTask& task, AttentionScratch& scratch) {
  const uint64_t stride = scratch.page.stride;
  const uint32_t count = task.rows * task.heads;
  begin_query_turns(scratch.turns, count, task.args.theta, [&](uint32_t i) {
    const uint64_t head = task.first_head + i % task.heads;
    return task.args.q.row(task.first + i / task.heads) + head * task.args.head_size;
  });
  for (uint32_t i = 0; i < count; ++i) {
    for (uint64_t c = 0; c < stride; c += lanes) {
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

// Tokens begin ... end - 1 of a page into scratch, while those of the next one are asked for.
template <typename T>
void load_page(const AttentionTask& task, const AttentionPage& page, int32_t number, int32_t next,
               uint32_t begin, uint32_t end) {
  const uint32_t size = task.args.head_size, count = end - begin;
  const auto load_from = [&](float* to, const Typed& cache) {
    const auto row = [&](int32_t of) {
      return cache.row<const T>(uint64_t(of) * CT_PAGE_TOKENS + begin) +
             uint64_t{task.kv_head} * size;
    };
    load_page_rows(to + begin * page.stride, page.stride, row(number), row(next), cache.stride,
                   count, size);
  };
  load_from(page.keys, task.args.keys);
  load_from(page.values, task.args.values);
}

// A page's tokens at positions first ... last, counted from its start; none where begin is not
// below end. `stop` is the position behind the page.
struct PageSpan {
  uint32_t begin, end;
};

PageSpan span_of_page(uint32_t start, uint32_t stop, uint32_t first, uint32_t last) {
  const uint32_t end = smaller(last + 1, stop);
  return {first > start ? first - start : 0, end > start ? end - start : 0};
}

// A page in scratch, and the positions that it holds.
void attend_page_rows(const AttentionTask& task, const AttentionScratch& scratch, uint32_t start,
                      uint32_t stop, float scale) {
  for (uint32_t r = 0; r < task.rows; ++r) {
    const PageSpan span = span_of_page(start, stop, task.lowest(r), task.position(r));
    if (span.begin >= span.end) continue;
    for (uint32_t h = 0; h < task.heads; h += score_heads) {
      const uint64_t i = uint64_t{r} * task.heads + h;
      const AttentionHeads heads = heads_from(scratch.heads, i, scratch.page.stride);
      attend_page_heads(heads, scratch.page, span.begin, span.end, scale, task.heads - h);
    }
  }
}

template <typename T>
void attend_rows(const AttentionTask& task, AttentionScratch& scratch, float scale) {
  begin_attention(task, scratch);
  const uint32_t lowest = task.lowest(0), last = task.position(task.rows - 1);
  const PageList list(task.args.table, task.segment);
  for (uint32_t e = list.next(0), next; e < list.width; e = next) {
    next = list.next(e + 1);
    const uint32_t start = uint32_t(list.starts[e]);
    if (start > last) break;
    uint32_t stop = start + CT_PAGE_TOKENS;
    if (next < list.width) stop = smaller(stop, uint32_t(list.starts[next]));
    const PageSpan seen = span_of_page(start, stop, lowest, last);
    if (seen.begin >= seen.end) continue;
    const int32_t page = list.pages[e], later = next < list.width ? list.pages[next] : page;
    load_page<T>(task, scratch.page, page, later, seen.begin, seen.end);
    scratch.heads.queries = turn_queries(scratch.turns, list.shifts[e]);
    attend_page_rows(task, scratch, start, stop, scale);
  }
  end_attention(task, scratch);
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
