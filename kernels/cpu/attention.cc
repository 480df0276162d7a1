// Attention over paged caches with grouped queries, an online softmax over blocks of pages.
//
// What a query gathers, and in which order, follows from the listed pages and its position alone:
// not from how a prompt was cut, nor from other rows or the number of threads.
#include "attention_block.h"
#include "attention_plan.h"
#include "kernel_table.h"
#include "like_parts.h"
#include "page_table.h"
#include "query_turns.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Rows first ... first + rows - 1, of one segment; of kv heads kv_head ... kv_head + kv_heads - 1
// each the query heads skipped ... skipped + heads - 1.
struct AttentionTask {
  const AttentionArgs& args;
  uint32_t segment, first, rows;
  uint32_t kv_head, kv_heads, skipped, heads;

  uint32_t queries() const { return rows * kv_heads * heads; }
  uint32_t position(uint32_t r) const { return uint32_t(args.positions[first + r]); }
  uint32_t lowest(uint32_t r) const {  // position that row r sees
    const uint32_t p = position(r);
    return args.window && p >= args.window ? p - args.window + 1 : 0;
  }
  // Where the head of query i begins in rows of q and out.
  uint64_t row(uint32_t i) const { return first + i / (kv_heads * heads); }
  uint64_t column(uint32_t i) const {
    const uint32_t kv = kv_head + i / heads % kv_heads;
    const uint64_t head = uint64_t{kv} * (args.heads / args.kv_heads) + skipped + i % heads;
    return head * args.head_size;
  }
};

struct AttentionScratch {
  QueryTurns turns;
  float* queries;  // turned, in the order of pairs of the keys
  float* scores;  // [queries, block_tokens]
  uint64_t stride;  // of queries
  Gathered span, all;  // of one span, and of all before
};

// Lays scratch out (null will do to measure); returns its bytes.
uint64_t place_attention(AttentionScratch& to, uint64_t queries, uint32_t head_size,
                         void* scratch) {
  uintptr_t next = reinterpret_cast<uintptr_t>(scratch);
  const auto place = [&](uint64_t floats) {
    float* const array = reinterpret_cast<float*>(next);
    next += floats * sizeof(float);
    return array;
  };
  to.stride = paired(head_size);
  to.queries = place(queries * to.stride);
  to.scores = place(queries * block_tokens);
  to.span = place_gathered(place(Gathered::floats(queries, to.stride)), queries, to.stride);
  to.all = place_gathered(place(Gathered::floats(queries, to.stride)), queries, to.stride);
  place_query_turns(to.turns, place, queries, head_size);
  return next - reinterpret_cast<uintptr_t>(scratch);
}

void begin_attention(const AttentionTask& task, AttentionScratch& scratch) {
  begin_query_turns(scratch.turns, task.queries(), task.args.theta, [&](uint32_t i) {
    return task.args.q.row(task.row(i)) + task.column(i);
  });
}

// The task's queries for pages of this shift.
template <typename T>
const float* pair_queries(const AttentionTask& task, AttentionScratch& scratch, int32_t shift) {
  const float* const from = changed_queries(scratch.turns, shift);
  if (!from) return scratch.queries;
  memset(scratch.queries, 0, task.queries() * scratch.stride * sizeof(float));
  for (uint32_t i = 0; i < task.queries(); ++i) {
    for (uint32_t c = 0; c < task.args.head_size; ++c) {
      const uint64_t to = i * scratch.stride + paired_place<T>(c);
      scratch.queries[to] = from[i * scratch.turns.stride + c];
    }
  }
  return scratch.queries;
}

// Entries of a list that are attended to together, in the order of their positions, and of each
// the page that is asked for meanwhile.
struct ListedBlock {
  uint32_t entries[block_pages], stops[block_pages];  // stops: the position behind each page
  int32_t later[block_pages];
  uint32_t count;
  uint32_t end;  // the entry behind them
};

// Up to `pages` pages from entry e on, which has one.
ListedBlock list_block(const PageList& list, uint32_t e, uint32_t pages) {
  ListedBlock block;
  const uint32_t part = uint32_t(list.starts[e]) / block_tokens;
  const int32_t shift = list.shifts[e];
  block.count = 0;
  while (e < list.width && block.count < smaller(pages, block_pages) &&
         uint32_t(list.starts[e]) / block_tokens == part && list.shifts[e] == shift) {
    const uint32_t next = list.next(e + 1), start = uint32_t(list.starts[e]);
    uint32_t stop = start + CT_PAGE_TOKENS;
    if (next < list.width) stop = smaller(stop, uint32_t(list.starts[next]));
    const uint32_t later = list.next(e + block_pages);
    block.entries[block.count] = e;
    block.stops[block.count] = stop;
    block.later[block.count++] = list.pages[later < list.width ? later : e];
    e = next;
  }
  block.end = e;
  return block;
}

// What a row that sees positions first ... last sees of a block.
template <typename T>
void see_block(AttentionBlock<T>& seen, const AttentionArgs& args, const PageList& list,
               const ListedBlock& block, uint32_t kv_head, uint32_t first, uint32_t last) {
  const uint64_t column = uint64_t{kv_head} * args.head_size;
  const auto row = [&](const Typed& cache, int32_t page) {
    return cache.row<const T>(uint64_t(page) * CT_PAGE_TOKENS) + column;
  };
  seen.count = 0;
  for (uint32_t i = 0; i < block.count; ++i) {
    const uint32_t start = uint32_t(list.starts[block.entries[i]]);
    const uint32_t stop = smaller(last + 1, block.stops[i]);
    if (stop <= start || stop <= first) continue;
    const int32_t page = list.pages[block.entries[i]], later = block.later[i];
    seen.pages[seen.count++] = {row(args.keys, page),    row(args.values, page),
                                row(args.keys, later),   row(args.values, later),
                                first > start ? first - start : 0, stop - start};
  }
}

// A block for one of the task's kv heads.
template <typename T>
void attend_block_rows(const AttentionTask& task, const AttentionScratch& scratch,
                       const PageList& list, const ListedBlock& block, const float* queries,
                       uint32_t kv) {
  AttentionBlock<T> seen;
  seen.keys_stride = task.args.keys.stride;
  seen.values_stride = task.args.values.stride;
  seen.size = task.args.head_size;
  seen.scale = 1.0f / __builtin_sqrtf(float(task.args.head_size));
  for (uint32_t r = 0; r < task.rows; ++r) {
    see_block(seen, task.args, list, block, task.kv_head + kv, task.lowest(r), task.position(r));
    if (!seen.count) continue;
    for_like_parts<score_heads>(task.heads, [&](auto count, uint32_t h) {
      const uint64_t i = (uint64_t{r} * task.kv_heads + kv) * task.heads + h;
      const ScoreQueries from = {queries + i * scratch.stride, scratch.stride};
      const AttentionHeads heads = {from, scratch.scores + i * block_tokens, scratch.span.from(i)};
      attend_block<count.value>(heads, seen);
    });
  }
}

// Gathers `pages` pages, from entry e of the list on; returns the entry behind them.
template <typename T>
uint32_t attend_span(const AttentionTask& task, AttentionScratch& scratch, const PageList& list,
                     uint32_t e, uint32_t pages) {
  const uint32_t last = task.position(task.rows - 1);
  clear_gathered(scratch.span, task.queries());
  while (e < list.width && pages) {
    if (uint32_t(list.starts[e]) > last) return list.width;
    const ListedBlock block = list_block(list, e, pages);
    const float* const queries = pair_queries<T>(task, scratch, list.shifts[e]);
    for (uint32_t kv = 0; kv < task.kv_heads; ++kv) {
      attend_block_rows<T>(task, scratch, list, block, queries, kv);
    }
    pages -= block.count;
    e = block.end;
  }
  return e;
}

// All pages of the task's rows.
template <typename T>
void attend_rows(const AttentionTask& task, AttentionScratch& scratch) {
  const uint32_t pages = pages_of_span(task.args);
  const PageList list(task.args.table, task.segment);
  begin_attention(task, scratch);
  clear_gathered(scratch.all, task.queries());
  for (uint32_t e = list.next(0); e < list.width;) {
    e = attend_span<T>(task, scratch, list, e, pages);
    for (uint32_t i = 0; i < task.queries(); ++i) join_gathered(scratch.all, scratch.span, i);
  }
  for (uint32_t i = 0; i < task.queries(); ++i) {
    float* const out = task.args.out.row(task.row(i)) + task.column(i);
    finish_gathered<T>(out, scratch.all, i, task.args.head_size);
  }
}

// One span of one row, whose pages are shared out; what it gathers goes to `to`.
template <typename T>
void attend_one_span(const AttentionTask& task, AttentionScratch& scratch, uint32_t span,
                     const Gathered& to) {
  const PageList list(task.args.table, task.segment);
  uint32_t e = list.next(0);
  for (uint32_t skip = span * span_pages; skip && e < list.width; --skip) e = list.next(e + 1);
  begin_attention(task, scratch);
  scratch.span = to;
  attend_span<T>(task, scratch, list, e, span_pages);
}

template <typename T>
void run_attention(ThreadPool& pool, const AttentionArgs& args, const AttentionPlan& plan) {
  pool.run(plan.row_blocks * plan.head_tasks(), [&](uint32_t index, uint32_t thread) {
    AttentionScratch scratch;
    place_attention(scratch, plan.queries(), args.head_size, pool.scratch(thread));
    const uint32_t part = index % plan.head_tasks();
    const uint32_t begin = index / plan.head_tasks() * plan.rows;
    const uint32_t end = smaller(begin + plan.rows, args.q.rows);
    for (uint32_t row = begin; row < end;) {
      const uint32_t s = segment_of_row(args.segments, row);
      const uint32_t stop = smaller(end, uint32_t(args.segments.starts[s + 1]));
      const AttentionTask task{args, s, row, stop - row, plan.kv_head(part), plan.kv_heads,
                               plan.skipped(part), plan.heads_of(part)};
      attend_rows<T>(task, scratch);
      row = stop;
    }
  });
}

// The same with a task for each span of each row.
template <typename T>
void run_shared_attention(ThreadPool& pool, const AttentionArgs& args, const AttentionPlan& plan) {
  const uint64_t stride = paired(args.head_size);
  const uint64_t floats = Gathered::floats(args.heads, stride);
  AttentionScratch measured;
  const uint64_t bytes = place_attention(measured, args.heads, args.head_size, nullptr);
  // Parts lie behind the scratch of the threads in turn.
  const auto part = [&](uint32_t index) {
    unsigned char* const memory = static_cast<unsigned char*>(pool.scratch(index % pool.threads()));
    float* const parts = reinterpret_cast<float*>(memory + bytes);
    return place_gathered(parts + index / pool.threads() * floats, args.heads, stride);
  };
  pool.run(args.q.rows * plan.spans, [&](uint32_t index, uint32_t thread) {
    AttentionScratch scratch;
    place_attention(scratch, args.heads, args.head_size, pool.scratch(thread));
    const uint32_t row = index / plan.spans, s = segment_of_row(args.segments, row);
    const AttentionTask task{args, s, row, 1, 0, args.kv_heads, 0, args.heads / args.kv_heads};
    attend_one_span<T>(task, scratch, index % plan.spans, part(index));
  });
  pool.run(args.q.rows * args.heads, [&](uint32_t index, uint32_t) {
    const uint32_t row = index / args.heads, head = index % args.heads;
    const Gathered all = part(row * plan.spans);
    for (uint32_t span = 1; span < plan.spans; ++span) {
      join_gathered(all, part(row * plan.spans + span), head);
    }
    float* const out = args.out.row(row) + uint64_t{head} * args.head_size;
    finish_gathered<T>(out, all, head, args.head_size);
  });
}

template <typename T>
bool attention_of(ThreadPool& pool, const AttentionArgs& args) {
  const AttentionPlan plan = plan_attention(args, pool.threads());
  AttentionScratch measured;
  uint64_t bytes = place_attention(measured, plan.queries(), args.head_size, nullptr);
  if (plan.spans > 1) {
    const uint64_t parts = divide_up(uint64_t{args.q.rows} * plan.spans, pool.threads());
    bytes += parts * Gathered::floats(args.heads, paired(args.head_size)) * sizeof(float);
  }
  if (!pool.reserve(bytes)) return false;
  if (plan.spans > 1) {
    run_shared_attention<T>(pool, args, plan);
  } else {
    run_attention<T>(pool, args, plan);
  }
  return true;
}

}  // namespace

bool attention(ThreadPool& pool, const AttentionArgs& args) {
  return args.keys.type == CT_BF16 ? attention_of<bf16>(pool, args)
                                   : attention_of<float>(pool, args);
}

}  // namespace CT_TARGET
}  // namespace ct
