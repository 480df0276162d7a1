/**
 * Cases of the operators on paged caches.
 *
 * @module
 */
import { PAGE_TOKENS } from "../../src/ops.ts";
import {
  type CaseOptions,
  indexRow,
  input,
  type OperatorCase,
  operatorCase,
  output,
  state,
  weight,
} from "./case.ts";
import { describe, place, type Span, span } from "./places.ts";
import { constant, type Fill, normal, only } from "./random.ts";

/** What a case of attention varies. */
interface Attention {
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly size?: number;
  readonly spans: readonly Span[];
  readonly window?: number;
  readonly theta?: number;
  readonly q?: Fill;
  readonly k?: Fill;
  readonly options?: CaseOptions;
}

function attention(type: "f32" | "bf16", note: string, given: Attention): OperatorCase {
  const { heads = 4, kvHeads = 2, size = 16, spans, window = 0, theta = 1e4 } = given;
  const { operands, rows, pages, visibleRows } = place(spans, window);
  const label = `${type} heads ${heads}/${kvHeads}·${size} window ${window} theta ${theta} ` +
    `positions ${describe(spans)}`;
  const cache = (fill: Fill) =>
    weight(type, pages * PAGE_TOKENS, kvHeads * size, only(visibleRows, fill));
  return operatorCase("attention", note ? `${label} ${note}` : label, {
    out: output(rows, heads * size),
    q: input(rows, heads * size, given.q ?? normal()),
    keys: cache(given.k ?? normal()),
    values: cache(normal()),
    ...operands,
  }, { ...given.options, scalars: [size, window, theta] });
}

function attentions(type: "f32" | "bf16"): OperatorCase[] {
  const mixed = [span(37, 1), span(0, 5), span(20, 0), span(14, 7), span(0, 1)];
  return [
    attention(type, "", { heads: 1, kvHeads: 1, size: 2, spans: [span(0, 3)] }),
    attention(type, "", { heads: 2, kvHeads: 2, size: 30, spans: [span(15, 2)] }),
    attention(type, "", { heads: 3, kvHeads: 1, size: 34, spans: [span(16, 1)] }),
    attention(type, "", { heads: 6, kvHeads: 2, size: 32, spans: [span(0, 33)] }),
    attention(type, "", { heads: 2, kvHeads: 1, size: 126, spans: [span(30, 3)] }),
    attention(type, "", { heads: 12, kvHeads: 2, size: 128, spans: [span(50, 2)] }),
    attention(type, "", { heads: 18, kvHeads: 2, size: 64, spans: [span(20, 2), span(270, 1)] }),
    attention(type, "", { heads: 17, kvHeads: 1, size: 256, spans: [span(17, 1)], window: 9 }),
    attention(type, "", { spans: mixed }),
    attention(type, "", { spans: mixed, window: 4 }),
    attention(type, "itself only", { spans: mixed, window: 1 }),
    attention(type, "wide window", { spans: mixed, window: 1000 }),
    attention(type, "", { spans: [span(100, 9), span(47, 1)], window: 16 }),
    attention(type, "", { spans: [span(99, 1), span(3, 20)], window: 17 }),
    attention(type, "", { spans: [span(64, 16), span(63, 2)], window: 15 }),
    attention(type, "", { spans: [span(1000, 3)], window: 65, size: 24 }),
    attention(type, "", { heads: 2, spans: [span(1000, 40)], window: 65, size: 24 }),
    attention(type, "", { spans: [span(47, 1)], window: 16 }),
    attention(type, "long", { spans: [span(699, 2), span(300, 1)], size: 24 }),
    attention(type, "long chunk", { heads: 2, spans: [span(65, 80)], size: 24 }),
    attention(type, "large scores", {
      spans: [span(40, 3)],
      q: normal(30),
      k: normal(8),
      options: { bound: { nmse: 5e-11, worst: 2e-4 } },
    }),
    attention(type, "equal scores", { spans: [span(40, 3)], q: constant(0) }),
    attention(type, "many rows", {
      heads: 6,
      spans: [span(10, 9), span(0, 14), span(30, 0), span(16, 30)],
    }),
    attention(type, "many rows", { spans: [span(3, 9), span(0, 40)], window: 5 }),
    attention(type, "packed", { spans: mixed, options: { packed: ["q", "out"] } }),
  ];
}

/** Attention over pages that do not follow each other, or have been moved. */
function movedAttentions(type: "f32" | "bf16"): OperatorCase[] {
  const largest = 2 ** 31 - 1;
  const wide = span(40, 2, [0], ...new Array(2100).fill(undefined), [32]);
  return [
    attention(type, "gaps", { spans: [span(70, 3, [0], [48], [64]), span(9, 1, [0])] }),
    attention(type, "none", {
      spans: [
        span(40, 2, undefined, [0], undefined, undefined, [32], undefined),
        span(3, 1, [0], undefined),
      ],
    }),
    attention(type, "long table", { heads: 2, kvHeads: 1, size: 2, spans: [wide] }),
    attention(type, "partly filled", { spans: [span(36, 5, [0], [5], [21], [22], [38])] }),
    attention(type, "odd starts", { spans: [span(40, 8, [3], [19], [35])] }),
    attention(type, "later pages", { spans: [span(19, 2, [0], [16], [32], [48]), span(8, 0)] }),
    attention(type, "gaps", { spans: [span(50, 6, [0], [27], [48])], window: 20 }),
    attention(type, "gaps", { spans: [span(50, 30, [0], [27], [48], [64])], window: 9, heads: 6 }),
    attention(type, "", {
      spans: [span(70, 3, [0, 30], [16, 30], [32, 7], [48, 0], [64, 30])],
      size: 34,
    }),
    attention(type, "", {
      spans: [span(70, 3, [0, 30], [16, 30], [32, 7], [48, 0], [64, 30]), span(90, 1, [80, 5])],
      heads: 12,
      size: 128,
    }),
    attention(type, "", {
      spans: [
        span(40, 1, [0, 9], [16, 9], [32]),
        span(70, 20, [0, 3], [48, 1], undefined, [64], [80]),
        span(50, 0, [0, 5]),
        span(64, 1, [0, 9], [32, 2], [64, 1]),
      ],
      heads: 6,
    }),
    attention(type, "many rows", {
      spans: [span(10, 60, [0, 3], [16, 3], [29, 2], [45], [61, 2])],
      heads: 6,
      size: 24,
    }),
    attention(type, "", { spans: [span(60, 4, [0, 9], [32, 4], [48, 4])], window: 40 }),
    attention(type, "far", {
      spans: [span(1_000_003, 3, [0, 1_000_000], [16, 999_000], [999_990], [1_000_000])],
      theta: 1e6,
      size: 128,
    }),
    attention(type, "farthest", {
      spans: [span(largest - 19, 20, [0, largest - 99], [largest - 24], [largest - 8])],
      theta: 10,
    }),
    attention(type, "farthest", { spans: [span(largest - 3, 4)], window: 30 }),
  ];
}

/** What a case of cache_append varies. */
interface Append {
  readonly rows: readonly number[];
  /** Whether there are bounds. */
  readonly bounds?: boolean;
  readonly packed?: readonly string[];
  readonly k?: Fill;
}

function append(
  type: "f32" | "bf16",
  columns: number,
  note: string,
  { rows, bounds = false, packed = [], k = normal() }: Append,
): OperatorCase {
  const pages = Math.floor(Math.max(...rows) / PAGE_TOKENS) + 2;
  const label = `${type} columns ${columns} rows ${rows}${bounds ? " bounds" : ""}`;
  return operatorCase("cacheAppend", note ? `${label} ${note}` : label, {
    keys: state(pages * PAGE_TOKENS, columns, only([0, 3, 17], normal()), type),
    values: state(pages * PAGE_TOKENS, columns, only([1, 2, 18], normal()), type),
    k: input(rows.length, columns, k),
    v: input(rows.length, columns, normal()),
    rows: indexRow(...rows),
    ...(bounds && { bounds: state(pages, 2 * columns, oldBounds(rows, columns)) }),
  }, { packed });
}

/**
 * What the bounds are before: wider than any key where a row begins the page anew, and such that
 * some keys pass them where not.
 */
function oldBounds(rows: readonly number[], columns: number): Fill {
  return (random, page, column) => {
    const width = rows.includes(page * PAGE_TOKENS) ? 100 : random.next();
    if (!rows.some((row) => Math.floor(row / PAGE_TOKENS) === page)) return NaN;
    return column < columns ? -width : width;
  };
}

// Halfway between two numbers of bf16.
const halfway: Fill = (random) => 1 + (2 * random.below(64) + 1) * 2 ** -8;

function run(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

function appends(type: "f32" | "bf16"): OperatorCase[] {
  return [
    append(type, 1, "", { rows: [0] }),
    append(type, 31, "", { rows: run(14, 5) }),
    append(type, 32, "", { rows: [...run(48, 16), ...run(0, 16), 32] }),
    append(type, 33, "", { rows: [37, ...run(64, 5), 30, 31, ...run(0, 5)] }),
    append(type, 256, "", { rows: [88, 89, 90, 7, 21] }),
    append(type, 40, "packed", { rows: [15, 16, 17, 39, 40], packed: ["k", "v"] }),
    append(type, 40, "halfway", { rows: [15, 16, 17], k: halfway }),
    append(type, 1, "", { rows: [0], bounds: true }),
    append(type, 31, "", { rows: [...run(14, 5), 70], bounds: true }),
    append(type, 33, "", { rows: [37, ...run(64, 5), 40, ...run(0, 36)], bounds: true }),
    append(type, 300, "", { rows: run(5, 30), bounds: true }),
    append(type, 24, "falling", { rows: [18, 17, 16, 33, 34], bounds: true }),
    append(type, 40, "halfway", { rows: run(15, 4), bounds: true, k: halfway }),
  ];
}

/** Cases of cache_append and attention. */
export function attentionCases(): OperatorCase[] {
  return (["f32", "bf16"] as const).flatMap((type) => [
    ...appends(type),
    ...attentions(type),
    ...movedAttentions(type),
  ]);
}
