/**
 * Cases of the operators on paged caches.
 *
 * @module
 */
import { PAGE_TOKENS } from "../../src/ops.ts";
import {
  type CaseOptions,
  indexRow,
  indexTable,
  input,
  type OperatorCase,
  operatorCase,
  output,
  starts,
  state,
  weight,
} from "./case.ts";
import { constant, type Fill, normal, only } from "./random.ts";

/** Tokens of one segment: `count` from position `first` on. */
interface Span {
  readonly first: number;
  readonly count: number;
}

/** Where a case's tokens stand in the caches. */
interface Places {
  readonly positions: readonly number[];
  readonly bounds: readonly number[];
  readonly pages: readonly (readonly number[])[];
  /** Rows of the caches. */
  readonly cacheRows: number;
  /** Rows of the caches that some token sees. */
  readonly visible: readonly number[];
}

/** Gives each segment `width` pages, in no order, from a pool of some more. */
function place(spans: readonly Span[], width: number, window: number): Places {
  let pool = spans.length * width + 2;
  while (pool % 7 === 0) pool++; // so that multiples of 7 name each page once
  const pages = spans.map((_, s) =>
    Array.from({ length: width }, (_, column) => (1 + s * width + column) * 7 % pool)
  );
  const visible = spans.flatMap(({ first, count }, s) => {
    const lowest = window ? Math.max(0, first - window + 1) : 0;
    return Array.from({ length: count ? first + count - lowest : 0 }, (_, index) => {
      const position = lowest + index;
      const page = pages[s]![Math.floor(position / PAGE_TOKENS) % width]!;
      return page * PAGE_TOKENS + position % PAGE_TOKENS;
    });
  });
  return {
    positions: spans.flatMap(({ first, count }) =>
      Array.from({ length: count }, (_, index) => first + index)
    ),
    bounds: starts(spans.map(({ count }) => count)),
    pages,
    cacheRows: pool * PAGE_TOKENS,
    visible,
  };
}

const span = (first: number, count: number): Span => ({ first, count });
const describe = (spans: readonly Span[]) =>
  spans.map(({ first, count }) => `${first}+${count}`).join(",");

/** What a case of attention varies. */
interface Attention {
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly size?: number;
  readonly spans: readonly Span[];
  /** Pages of each segment. */
  readonly width: number;
  readonly window?: number;
  readonly q?: Fill;
  readonly k?: Fill;
  readonly options?: CaseOptions;
}

function attention(type: "f32" | "bf16", note: string, given: Attention): OperatorCase {
  const { heads = 4, kvHeads = 2, size = 16, spans, width, window = 0 } = given;
  const places = place(spans, width, window);
  const rows = places.positions.length;
  const columns = kvHeads * size;
  const label = `${type} heads ${heads}/${kvHeads}·${size} positions ${describe(spans)} ` +
    `pages ${width} window ${window}`;
  const cache = (fill: Fill) => weight(type, places.cacheRows, columns, only(places.visible, fill));
  return operatorCase("attention", note ? `${label} ${note}` : label, {
    out: output(rows, heads * size),
    q: input(rows, heads * size, given.q ?? normal()),
    keys: cache(given.k ?? normal()),
    values: cache(normal()),
    positions: indexRow(...places.positions),
    segments: indexRow(...places.bounds),
    pages: indexTable(places.pages),
  }, { ...given.options, scalars: [size, window] });
}

function attentions(): OperatorCase[] {
  const mixed = [span(37, 1), span(0, 5), span(20, 0), span(14, 7), span(0, 1)];
  return (["f32", "bf16"] as const).flatMap((type) => [
    attention(type, "", { heads: 1, kvHeads: 1, size: 1, spans: [span(0, 3)], width: 1 }),
    attention(type, "", { heads: 2, kvHeads: 2, size: 31, spans: [span(15, 2)], width: 2 }),
    attention(type, "", { heads: 3, kvHeads: 1, size: 33, spans: [span(16, 1)], width: 2 }),
    attention(type, "", { heads: 6, kvHeads: 2, size: 32, spans: [span(0, 33)], width: 3 }),
    attention(type, "", { heads: 2, kvHeads: 1, size: 127, spans: [span(30, 3)], width: 3 }),
    attention(type, "", { heads: 12, kvHeads: 2, size: 128, spans: [span(50, 2)], width: 4 }),
    attention(type, "", { spans: mixed, width: 3 }),
    attention(type, "", { spans: mixed, width: 4, window: 4 }),
    attention(type, "itself only", { spans: mixed, width: 3, window: 1 }),
    attention(type, "wide window", { spans: mixed, width: 3, window: 1000 }),
    attention(type, "ring", { spans: [span(100, 9), span(47, 1)], width: 3, window: 16 }),
    attention(type, "ring", { spans: [span(99, 1), span(3, 20)], width: 3, window: 17 }),
    attention(type, "ring", { spans: [span(64, 16), span(63, 2)], width: 2, window: 15 }),
    attention(type, "ring", { spans: [span(1000, 3)], width: 6, window: 65, size: 24 }),
    attention(type, "ring of one page", { spans: [span(47, 1)], width: 1, window: 16 }),
    attention(type, "long", { spans: [span(699, 2), span(300, 1)], width: 44, size: 24 }),
    attention(type, "long chunk", { heads: 2, spans: [span(65, 80)], width: 10, size: 24 }),
    attention(type, "large scores", {
      spans: [span(40, 3)],
      width: 3,
      q: normal(30),
      k: normal(8),
      options: { bound: { nmse: 4e-12, worst: 4e-5 } },
    }),
    attention(type, "equal scores", { spans: [span(40, 3)], width: 3, q: constant(0) }),
    attention(type, "many rows", {
      heads: 6,
      spans: [span(10, 9), span(0, 14), span(30, 0), span(16, 30)],
      width: 3,
    }),
    attention(type, "many rows", { spans: [span(3, 9), span(0, 40)], width: 3, window: 5 }),
    attention(type, "packed", { spans: mixed, width: 3, options: { packed: ["q", "out"] } }),
  ]);
}

function append(
  type: "f32" | "bf16",
  columns: number,
  spans: readonly Span[],
  width: number,
  note = "",
  k: Fill = normal(),
): OperatorCase {
  const places = place(spans, width, 0);
  const rows = places.positions.length;
  const label = `${type} k[${rows},${columns}] positions ${describe(spans)} pages ${width}`;
  const packed = note === "packed" ? ["k", "v"] : [];
  return operatorCase("cacheAppend", note ? `${label} ${note}` : label, {
    keys: state(places.cacheRows, columns, only([0, 3, 17], normal()), type),
    values: state(places.cacheRows, columns, only([1, 2, 18], normal()), type),
    k: input(rows, columns, k),
    v: input(rows, columns, normal()),
    positions: indexRow(...places.positions),
    segments: indexRow(...places.bounds),
    pages: indexTable(places.pages),
  }, { packed });
}

// Halfway between two numbers of bf16.
const halfway: Fill = (random) => 1 + (2 * random.below(64) + 1) * 2 ** -8;

function appends(): OperatorCase[] {
  return (["f32", "bf16"] as const).flatMap((type) => [
    append(type, 1, [span(0, 1)], 1),
    append(type, 31, [span(14, 5)], 2),
    append(type, 32, [span(0, 33)], 3),
    append(type, 33, [span(37, 1), span(0, 5), span(20, 0), span(14, 7)], 3),
    append(type, 127, [span(100, 9), span(31, 2)], 2),
    append(type, 256, [span(1000, 3), span(999, 1), span(5, 1)], 5),
    append(type, 40, [span(15, 3), span(7, 2)], 3, "packed"),
    append(type, 40, [span(15, 3)], 3, "halfway", halfway),
  ]);
}

/** Cases of cache_append and attention. */
export function attentionCases(): OperatorCase[] {
  return [...appends(), ...attentions()];
}
