/**
 * The faults that `mutate.ts` plants in the operators on paged caches.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

const CACHES: readonly Mutation[] = [
  {
    file: "cpu/cache_append.cc",
    find: "task % 2 ? args.v : args.k",
    replace: "task % 2 ? args.k : args.v",
    why: "keys and values are swapped",
  },
  {
    file: "cpu/attention.cc",
    find: "p - args.window + 1 : 0",
    replace: "p - args.window : 0",
    why: "the window is one token too wide",
  },
  {
    file: "cpu/cache_append.cc",
    find: "count, row % CT_PAGE_TOKENS == 0)",
    replace: "count, false)",
    why: "a page's bounds are never begun anew",
  },
  {
    file: "cpu/cache_append.cc",
    find: "least + cache.columns, to, count",
    replace: "least + cache.columns, x.row(r) + first, count",
    why: "bounds are those of the keys before they are rounded",
  },
  {
    file: "cpu/cache_append.cc",
    find: "bounds.row(row / CT_PAGE_TOKENS) + first",
    replace: "bounds.row(row / CT_PAGE_TOKENS)",
    why: "every block of columns has the bounds of the first",
  },
  {
    file: "cpu/attention.cc",
    find: "stop = smaller(stop, uint32_t(list.starts[next]))",
    replace: "stop = smaller(stop, UINT32_MAX)",
    why: "a page that is only partly filled does not end where the next begins",
  },
  {
    file: "cpu/attention.cc",
    find: "pair_queries<T>(task, scratch, list.shifts[e])",
    replace: "pair_queries<T>(task, scratch, list.shifts[list.next(0)])",
    why: "every page has the shift of the first",
  },
  {
    file: "cpu/attention.cc",
    find: "== part && list.shifts[e] == shift",
    replace: "== part",
    why: "every page of a block has the shift of its first",
  },
  {
    file: "cpu/attention.cc",
    find: "uint32_t(list.starts[e]) / block_tokens == part &&",
    replace: "",
    why: "where blocks end depends on where a window begins",
  },
  {
    file: "cpu/attention.cc",
    find: "if (stop <= start || stop <= first) continue;",
    replace: "if (stop <= start) continue;",
    why: "pages before a window are gone through from far behind their end",
  },
  {
    file: "cpu/attention_block.h",
    find: "t = page.end; t < CT_PAGE_TOKENS",
    replace: "t = CT_PAGE_TOKENS; t < CT_PAGE_TOKENS",
    why: "tokens that are not there are weighed",
  },
  {
    file: "cpu/paired.h",
    find: "c % 2 * lanes + c % pair_lanes / 2",
    replace: "c % pair_lanes",
    why: "queries and results are not in the order of pairs",
  },
  {
    file: "cpu/page_table.h",
    find: "while (e < width && pages[e] < 0) ++e;",
    replace: "if (e < width && pages[e] < 0) ++e;",
    why: "only one of several absent pages is passed over",
  },
  {
    file: "cpu/attention.cc",
    find: "uint64_t{kv} * (args.heads / args.kv_heads) + skipped + i % heads",
    replace: "uint64_t{skipped + i % heads} * args.kv_heads + kv",
    why: "query heads are grouped by their remainder",
  },
  {
    file: "cpu/attention.cc",
    find: "1.0f / __builtin_sqrtf(float(task.args.head_size))",
    replace: "1.0f / float(task.args.head_size)",
    why: "scores are not divided by the square root",
  },
  {
    file: "cpu/attention_block.h",
    find: "multiply_add(to.gathered.sums[h], factor, sum(total))",
    replace: "to.gathered.sums[h] + sum(total)",
    why: "a greater score does not rescale the sum of earlier weights",
  },
  {
    file: "cpu/simd.h",
    find: "(bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16",
    replace: "bits >> 16",
    why: "bf16 is cut off in place of rounded",
  },
  {
    file: "cpu/simd.h",
    find: "0x7fffu + ((bits >> 16) & 1u)",
    replace: "0x8000u",
    why: "bf16 rounds ties away from zero",
  },
];

const PAGES: readonly Mutation[] = [
  {
    file: "cpu/query_turns.h",
    find: "-double(shift) * double(turns.frequencies[i])",
    replace: "double(shift) * double(turns.frequencies[i])",
    why: "queries are turned forth for a page that has been moved nearer",
  },
  {
    file: "cpu/query_turns.h",
    find: "-double(shift) * double(turns.frequencies[i])",
    replace: "-double(float(shift) * turns.frequencies[i])",
    why: "the angle of a shift is rounded to f32",
  },
  {
    file: "cpu/query_turns.h",
    find: "if (shift == turns.shift) return turns.turned;",
    replace: "if (turns.shift) return turns.turned;",
    why: "every moved page has the shift of the first of them",
  },
  {
    file: "cpu/page_scores.cc",
    find: "list.starts[e] <= args.positions[row]",
    replace: "list.starts[e] < args.positions[row]",
    why: "a page that begins at the row's position is not scored",
  },
  {
    file: "cpu/page_scores.cc",
    find: "scratch.negative[h * scratch.stride + c] = x < 0 ? x : 0.0f",
    replace: "scratch.negative[h * scratch.stride + c] = 0",
    why: "the least of a page's keys is not looked at",
  },
  {
    file: "cpu/page_scores.cc",
    find: "half = args.bounds.columns / 2",
    replace: "half = args.head_size",
    why: "the greatest of a page's keys are those of the next head",
  },
  {
    file: "cpu/page_scores.cc",
    find: "maximum(behind, load(scores + e))",
    replace: "h == 0 ? behind : maximum(behind, load(scores + e))",
    why: "the first query head takes the place of those before",
  },
  {
    file: "cpu/page_scores.cc",
    find: "if (!thread || from[e] > to[e])",
    replace: "if (!thread)",
    why: "only the first thread's scores count",
  },
  {
    file: "cpu/select_pages.cc",
    find: "i == 0 || i >= found - recent",
    replace: "i >= found - recent",
    why: "the first page is not pinned",
  },
  {
    file: "cpu/select_pages.cc",
    find: "scores[scratch.present[1 + i]]",
    replace: "scores[1 + i]",
    why: "scores are those of the entries before absent ones",
  },
  {
    file: "cpu/select_pages.cc",
    find: "wanted = count - 1 - recent",
    replace: "wanted = count - recent - (count > 3)",
    why: "one page too many is chosen",
  },
];

/** All faults of this module. */
export const PAGED_MUTATIONS: readonly Mutation[] = [...CACHES, ...PAGES];
