// How near each page comes to holding the best key of any query, by the bounds of its keys.
#include "head_scores.h"
#include "kernel_table.h"
#include "like_parts.h"
#include "page_table.h"
#include "prefetch.h"
#include "query_turns.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Scores of one thread, and what it needs for a row and a kv head.
struct PageScoresScratch {
  float* scores;  // [segments, width], the greatest so far
  QueryTurns turns;  // of the kv head's query heads
  float *negative, *positive;  // [query heads, stride], the elements below and above zero
  float* limits;  // [query heads, width]: what no score of the page's tokens exceeds
  uint64_t stride, width;  // of whole pairs, and with room for whole tiles
};

// Lays scratch out (null will do to measure); returns its bytes.
uint64_t place_page_scores(PageScoresScratch& to, const PageScoresArgs& args, void* scratch) {
  uintptr_t next = reinterpret_cast<uintptr_t>(scratch);
  const auto place = [&](uint64_t floats) {
    float* const array = reinterpret_cast<float*>(next);
    next += floats * sizeof(float);
    return array;
  };
  const uint64_t group = args.heads / args.kv_heads;
  to.stride = paired(args.head_size);
  to.width = args.table.pages.columns + CT_PAGE_TOKENS;
  to.negative = place(group * to.stride);
  to.positive = place(group * to.stride);
  to.limits = place(group * to.width);
  to.scores = place(args.segments.count * to.width);
  place_query_turns(to.turns, place, group, args.head_size);
  return next - reinterpret_cast<uintptr_t>(scratch);
}

// A product with a key is greatest with its greatest element where the query's is positive, and
// with its least one where it is negative.
void part_queries(PageScoresScratch& scratch, int32_t shift) {
  const float* const from = changed_queries(scratch.turns, shift);
  if (!from) return;
  for (uint32_t h = 0; h < scratch.turns.count; ++h) {
    for (uint64_t c = 0; c < scratch.stride; ++c) {
      const bool is_there = c < scratch.turns.head_size;
      const float x = is_there ? from[h * scratch.turns.stride + c] : 0.0f;
      scratch.negative[h * scratch.stride + c] = x < 0 ? x : 0.0f;
      scratch.positive[h * scratch.stride + c] = x < 0 ? 0.0f : x;
    }
  }
}

// Limits of entries first ... end - 1, at most CT_PAGE_TOKENS, some of which have pages; those with
// pages have one shift.
void limit_pages(const PageScoresArgs& args, PageScoresScratch& scratch, const PageList& list,
                 uint32_t kv_head, uint32_t first, uint32_t end) {
  const uint32_t size = args.head_size, group = scratch.turns.count, some = list.next(first);
  part_queries(scratch, list.shifts[some]);
  const uint32_t half = args.bounds.columns / 2;
  const auto bounds_of = [&](uint32_t e) {
    const bool has_page = e < list.width && list.pages[e] >= 0;
    return args.bounds.row(uint32_t(list.pages[has_page ? e : some])) + uint64_t{kv_head} * size;
  };
  const float *rows[2][CT_PAGE_TOKENS], *later[2][CT_PAGE_TOKENS];
  for (uint32_t i = 0; i < CT_PAGE_TOKENS; ++i) {
    rows[0][i] = bounds_of(first + i < end ? first + i : some);
    rows[1][i] = rows[0][i] + half;
    later[0][i] = bounds_of(first + CT_PAGE_TOKENS + i);
    later[1][i] = later[0][i] + half;
  }
  const float scale = 1.0f / __builtin_sqrtf(float(size));
  for_like_parts<score_heads>(group, [&](auto heads, uint32_t h) {
    const ScoreQueries queries[2] = {{scratch.negative + h * scratch.stride, scratch.stride},
                                     {scratch.positive + h * scratch.stride, scratch.stride}};
    float* const limits = scratch.limits + h * scratch.width + first;
    score_rows_of<heads.value>(limits, scratch.width, queries, rows, later, size, scale);
  });
  for (uint32_t e = first; e < first + CT_PAGE_TOKENS; ++e) {
    if (e < end && list.pages[e] >= 0) continue;
    for (uint32_t h = 0; h < group; ++h) {
      scratch.limits[h * scratch.width + e] = -__builtin_inff();
    }
  }
}

// The entry behind those from `first` on that one call of limit_pages() takes.
uint32_t end_of_limits(const PageList& list, uint32_t first, uint32_t stop) {
  const uint32_t some = list.next(first), end = smaller(stop, first + CT_PAGE_TOKENS);
  uint32_t e = first;
  while (e < end && (list.pages[e] < 0 || list.shifts[e] == list.shifts[some])) ++e;
  return e;
}

// One row and the query heads of one kv head, against all pages that begin by its position.
void score_row(const PageScoresArgs& args, PageScoresScratch& scratch, uint32_t row,
               uint32_t kv_head) {
  const uint32_t group = args.heads / args.kv_heads;
  const uint32_t segment = segment_of_row(args.segments, row);
  const PageList list(args.table, segment);
  begin_query_turns(scratch.turns, group, args.theta, [&](uint32_t h) {
    return args.q.row(row) + (uint64_t{kv_head} * group + h) * args.head_size;
  });
  uint32_t stop = 0;
  for (uint32_t e = list.next(0); e < list.width && list.starts[e] <= args.positions[row];
       e = list.next(e + 1)) {
    stop = e + 1;
  }
  for (uint32_t e = 0, end; e < stop; e = end) {
    end = end_of_limits(list, e, stop);
    limit_pages(args, scratch, list, kv_head, e, end);
  }
  float* const scores = scratch.scores + segment * scratch.width;
  for (uint32_t h = 0; h < group; ++h) {
    const float* const limits = scratch.limits + h * scratch.width;
    Vector most = splat(-__builtin_inff());
    for (uint32_t e = 0; e < stop; e += lanes) most = maximum(load(limits + e), most);
    const float best = greatest(most);
    for (uint32_t e = 0; e < stop; e += lanes) {
      const Vector behind = load(limits + e) - best;
      store(scores + e, maximum(behind, load(scores + e)));
    }
  }
}

}  // namespace

bool page_scores(ThreadPool& pool, const PageScoresArgs& args) {
  PageScoresScratch scratch;
  if (!pool.reserve(place_page_scores(scratch, args, nullptr))) return false;
  // A maximum is the same in any order, so it does not matter which thread takes which rows.
  for (uint32_t thread = 0; thread < pool.threads(); ++thread) {
    place_page_scores(scratch, args, pool.scratch(thread));
    for (uint64_t i = 0; i < args.segments.count * scratch.width; ++i) {
      scratch.scores[i] = -__builtin_inff();
    }
  }
  pool.run(args.q.rows * args.kv_heads, [&](uint32_t task, uint32_t thread) {
    PageScoresScratch own;
    place_page_scores(own, args, pool.scratch(thread));
    score_row(args, own, task / args.kv_heads, task % args.kv_heads);
  });
  for (uint32_t s = 0; s < args.segments.count; ++s) {
    float* const to = args.scores.row(s);
    for (uint32_t thread = 0; thread < pool.threads(); ++thread) {
      place_page_scores(scratch, args, pool.scratch(thread));
      const float* const from = scratch.scores + s * scratch.width;
      for (uint32_t e = 0; e < args.scores.columns; ++e) {
        if (!thread || from[e] > to[e]) to[e] = from[e];
      }
    }
  }
  return true;
}

}  // namespace CT_TARGET
}  // namespace ct
