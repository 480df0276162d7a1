/**
 * Cases of the operators that score and choose pages.
 *
 * @module
 */
import { indexTable, input, type OperatorCase, operatorCase, output } from "./case.ts";
import { describe, place, type Span, span } from "./places.ts";
import { constant, type Fill, normal, only, table } from "./random.ts";

/** What a case of page_scores varies. */
interface Scores {
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly size?: number;
  readonly spans: readonly Span[];
  readonly theta?: number;
  readonly q?: Fill;
}

function scores(note: string, given: Scores): OperatorCase {
  const { heads = 4, kvHeads = 2, size = 16, spans, theta = 1e4, q = normal() } = given;
  const { operands, rows, pages, visiblePages } = place(spans, 0);
  const label = `heads ${heads}/${kvHeads}·${size} theta ${theta} positions ${describe(spans)}`;
  const columns = kvHeads * size;
  // A middle that is another for each column, so that bounds of one sign occur.
  const bound: Fill = (random, _, column) =>
    2 * Math.sin(column % columns) + (column < columns ? -1 : 1) * random.next();
  return operatorCase("pageScores", note ? `${label} ${note}` : label, {
    scores: output(spans.length, operands["pages"]!.columns),
    q: input(rows, heads * size, q),
    bounds: input(pages, 2 * columns, only(visiblePages, bound)),
    ...operands,
  }, { scalars: [size, theta] });
}

function pageScores(): OperatorCase[] {
  const largest = 2 ** 31 - 1;
  const mixed = [span(37, 1), span(0, 5), span(20, 0), span(14, 7), span(0, 1)];
  return [
    scores("", { heads: 1, kvHeads: 1, size: 2, spans: [span(40, 1)] }),
    scores("", { heads: 2, kvHeads: 2, size: 30, spans: [span(79, 2)] }),
    scores("", { heads: 3, kvHeads: 1, size: 34, spans: [span(60, 1)] }),
    scores("", { heads: 12, kvHeads: 2, size: 128, spans: [span(90, 2)] }),
    scores("", { heads: 18, kvHeads: 2, size: 64, spans: [span(600, 1), span(20, 2)] }),
    scores("", { spans: mixed }),
    scores("long", { heads: 6, spans: [span(699, 2), span(300, 1)], size: 24 }),
    scores("many rows", { heads: 5, kvHeads: 1, spans: [span(300, 20), span(0, 9), span(9, 0)] }),
    scores("equal", { spans: [span(40, 3)], q: constant(0) }),
    scores("none", {
      heads: 1,
      kvHeads: 1,
      spans: [span(40, 2, undefined, [0], undefined, [32], undefined), span(3, 1, undefined, [0])],
    }),
    scores("no page", {
      heads: 1,
      kvHeads: 1,
      spans: [span(40, 2, [0], [32]), span(3, 2, undefined, undefined)],
    }),
    scores("before", {
      heads: 2,
      kvHeads: 1,
      spans: [span(30, 3, [0], [9], [16], [32], [48]), span(8, 3, [16], [32])],
    }),
    scores("without rows", { spans: [span(19, 0, [0], [16]), span(8, 0, [0])] }),
    scores("", {
      spans: [
        span(70, 1, [0, 30], [16, 30], [32, 7], [48, 0], [64, 30]),
        span(50, 1, [0, 9], [21], [40, 9], [48]),
      ],
      heads: 3,
      kvHeads: 1,
      size: 34,
    }),
    scores("far", {
      heads: 2,
      kvHeads: 1,
      spans: [span(1_000_003, 1, [0, 1_000_000], [16, 999_000], [32, 98], [999_990], [1_000_000])],
      theta: 1e6,
      size: 128,
    }),
    scores("farthest", {
      heads: 1,
      kvHeads: 1,
      spans: [span(largest - 1, 2, [0, largest - 99], [7, largest - 98], [99, 8], [largest - 8])],
      theta: 10,
    }),
  ];
}

const NONE = Symbol("no page");

/** Pages that are chosen by these scores, a row for each segment. */
function select(
  note: string,
  count: number,
  recent: number,
  rows: readonly (readonly (number | typeof NONE)[])[],
): OperatorCase {
  const [segments, width] = [rows.length, rows[0]!.length];
  const fill = (value: (s: number, e: number) => number, absent: number) =>
    indexTable(rows.map((row, s) => row.map((x, e) => x === NONE ? absent : value(s, e))));
  const label = `scores[${segments},${width}] count ${count} recent ${recent} ${note}`;
  const marks = rows.map((row) => row.map((x) => x === NONE ? 1e9 : x));
  return operatorCase("selectPages", label, {
    chosenPages: output(segments, count, "i32"),
    chosenStarts: output(segments, count, "i32"),
    chosenShifts: output(segments, count, "i32"),
    scores: input(segments, width, table(marks)),
    pages: fill((s, e) => 7 * e + s, -1),
    starts: fill((s, e) => 19 * e + 3 * s, -5),
    shifts: fill((s, e) => 1000 * (width - e) + s, -9),
  }, { scalars: [recent] });
}

function selections(): OperatorCase[] {
  const least = -Infinity;
  const long = Array.from({ length: 200 }, (_, e) => -(e * 7919 % 97));
  return [
    select("", 1, 0, [[-2, 0, -1]]),
    select("", 3, 0, [[-9, -1, -2, 0, -3], [-9, 0, -1, -2, -3]]),
    select("pinned", 3, 2, [[-9, -1, 0, -8, -7]]),
    select("", 4, 1, [[-9, -1, -2, 0, -3, -8], [-1, -5, -4, -3, -2, 0]]),
    select("ties", 4, 1, [[0, -1, -1, -1, -1, 0], [0, -2, -1, -2, -2, 0], [0, 0, -0, 0, 0, 0]]),
    select("all", 4, 1, [[-3, -2, -1, 0]]),
    select("fewer pages", 4, 1, [[NONE, -2, -1, NONE, NONE], [NONE, NONE, NONE, NONE, NONE]]),
    select("just enough", 3, 1, [[-2, NONE, -1, 0], [-2, -1, 0, NONE]]),
    select("none between", 3, 1, [[NONE, -3, NONE, -1, -2, NONE, -4, NONE]]),
    select("infinities", 3, 1, [[0, least, least, -5, least, 0], [0, least, least, least, 0, 0]]),
    select("not a number", 3, 1, [[0, NaN, -5, NaN, least, 0], [0, NaN, NaN, NaN, NaN, 0]]),
    select("long", 50, 8, [long, long.toReversed()]),
    select("long", 192, 190, [long]),
  ];
}

/** Cases of page_scores and select_pages. */
export function pageCases(): OperatorCase[] {
  return [...pageScores(), ...selections()];
}
