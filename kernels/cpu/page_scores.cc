// How near each page comes to holding the best key of any query, by the bounds of its keys.
#include "kernel_table.h"
#include "page_table.h"
#include "query_turns.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Scores of one thread, and what it needs for a row and a kv head.
struct PageScoresScratch {
  float* scores;  // [segments, width], the greatest so far
  QueryTurns turns;  // of the kv head's query heads
  float* limits;  // [query heads, width]: what no score of the page's tokens exceeds
};

// Lays scratch out (null will do to measure); returns its bytes.
uint64_t place_page_scores(PageScoresScratch& to, const PageScoresArgs& args, void* scratch) {
  uintptr_t next = reinterpret_cast<uintptr_t>(scratch);
  const auto place = [&](uint64_t floats) {
    float* const array = reinterpret_cast<float*>(next);
    next += floats * sizeof(float);
    return array;
  };
  const uint64_t width = args.table.pages.columns, group = args.heads / args.kv_heads;
  place_query_turns(to.turns, place, group, args.head_size);
  to.limits = place(group * width);
  to.scores = place(uint64_t{args.segments.count} * width);
  return next - reinterpret_cast<uintptr_t>(scratch);
}

// The limits of `heads` queries with one page, `width` floats apart.
template <uint32_t heads>
void limit_page(float* limits, uint64_t width, const float* queries, uint64_t stride,
                const float* least, const float* greatest, uint32_t size, float scale) {
  Vector total[heads] = {};
  for (uint32_t c = 0; c < size; c += lanes) {
    const Vector low = load_up_to(least + c, size - c), high = load_up_to(greatest + c, size - c);
    for (uint32_t h = 0; h < heads; ++h) {
      const Vector query = load(queries + h * stride + c);
      total[h] += maximum(query * low, query * high);
    }
  }
  for (uint32_t h = 0; h < heads; ++h) limits[h * width] = sum(total[h]) * scale;
}

// One row and the query heads of one kv head, against all pages that begin by its position.
void score_row(const PageScoresArgs& args, PageScoresScratch& scratch, uint32_t row,
               uint32_t kv_head, float scale) {
  const uint32_t group = args.heads / args.kv_heads, size = args.head_size;
  const uint32_t segment = segment_of_row(args.segments, row);
  const PageList list(args.table, segment);
  const int32_t position = args.positions[row];
  QueryTurns& turns = scratch.turns;
  begin_query_turns(turns, group, args.theta, [&](uint32_t h) {
    return args.q.row(row) + (uint64_t{kv_head} * group + h) * size;
  });
  const auto is_seen = [&](uint32_t e) { return e < list.width && list.starts[e] <= position; };
  for (uint32_t e = list.next(0); is_seen(e); e = list.next(e + 1)) {
    const float* const queries = turn_queries(turns, list.shifts[e]);
    const float* const least = args.bounds.row(uint32_t(list.pages[e])) + uint64_t{kv_head} * size;
    const float* const greatest = least + args.bounds.columns / 2;
    for (uint32_t h = 0; h < group; h += 2) {
      float* const limits = scratch.limits + uint64_t{h} * list.width + e;
      const float* const query = queries + h * turns.stride;
      const auto limit = h + 1 < group ? limit_page<2> : limit_page<1>;
      limit(limits, list.width, query, turns.stride, least, greatest, size, scale);
    }
  }
  float* const scores = scratch.scores + uint64_t{segment} * list.width;
  for (uint32_t h = 0; h < group; ++h) {
    const float* const limits = scratch.limits + uint64_t{h} * list.width;
    float best = -__builtin_inff();
    for (uint32_t e = list.next(0); is_seen(e); e = list.next(e + 1)) {
      if (limits[e] > best) best = limits[e];
    }
    for (uint32_t e = list.next(0); is_seen(e); e = list.next(e + 1)) {
      if (limits[e] - best > scores[e]) scores[e] = limits[e] - best;
    }
  }
}

}  // namespace

bool page_scores(ThreadPool& pool, const PageScoresArgs& args) {
  PageScoresScratch scratch;
  if (!pool.reserve(place_page_scores(scratch, args, nullptr))) return false;
  const uint64_t count = uint64_t{args.segments.count} * args.table.pages.columns;
  const float scale = 1.0f / __builtin_sqrtf(float(args.head_size));
  // A maximum is the same in any order, so it does not matter which thread takes which rows.
  for (uint32_t thread = 0; thread < pool.threads(); ++thread) {
    place_page_scores(scratch, args, pool.scratch(thread));
    for (uint64_t i = 0; i < count; ++i) scratch.scores[i] = -__builtin_inff();
  }
  pool.run(args.q.rows * args.kv_heads, [&](uint32_t task, uint32_t thread) {
    PageScoresScratch own;
    place_page_scores(own, args, pool.scratch(thread));
    score_row(args, own, task / args.kv_heads, task % args.kv_heads, scale);
  });
  for (uint32_t s = 0; s < args.segments.count; ++s) {
    float* const to = args.scores.row(s);
    for (uint32_t thread = 0; thread < pool.threads(); ++thread) {
      place_page_scores(scratch, args, pool.scratch(thread));
      const float* const from = scratch.scores + uint64_t{s} * args.scores.columns;
      for (uint32_t e = 0; e < args.scores.columns; ++e) {
        if (!thread || from[e] > to[e]) to[e] = from[e];
      }
    }
  }
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
