/**
 * Where the tokens of a case stand in paged caches.
 *
 * @module
 */
import { PAGE_TOKENS } from "../../src/ops.ts";
import { indexRow, indexTable, type Operand, starts } from "./case.ts";

/** A page that a segment lists: where it starts, and its shift; nothing where there is none. */
export type Entry = readonly [start: number, shift?: number] | undefined;

/** Tokens of one segment: `count` from position `first` on. */
export interface Span {
  readonly first: number;
  readonly count: number;
  /** The pages; without them, those that its tokens see, from multiples of 16 on. */
  readonly pages?: readonly Entry[];
}

/** A {@linkcode Span}. */
export function span(first: number, count: number, ...pages: readonly Entry[]): Span {
  return pages.length ? { first, count, pages } : { first, count };
}

/** What a case needs to know of its caches. */
export interface Places {
  /** The index operands positions, segments, pages, starts and shifts. */
  readonly operands: Readonly<Record<string, Operand>>;
  readonly rows: number;
  /** Pages of the caches. */
  readonly pages: number;
  /** Rows of the caches that some token sees. */
  readonly visibleRows: readonly number[];
  /** Pages that begin at or before some token of their segment. */
  readonly visiblePages: readonly number[];
}

// What stands in the tables where there is no page; nobody may look at it.
const ABSENT = { page: -1, start: -5, shift: -9 } as const;

/** Gives each segment pages of its own, in no order, from a pool of some more. */
export function place(spans: readonly Span[], window: number): Places {
  const lists = spans.map((one) => one.pages ?? everyPage(one, window));
  const width = Math.max(...lists.map((list) => list.length));
  let pool = spans.length * width + 2;
  while (pool % 7 === 0) pool++; // so that multiples of 7 name each page once
  const visibleRows: number[] = [];
  const visiblePages: number[] = [];
  const tables = lists.map((list, s) => {
    const { first, count } = spans[s]!;
    const lowest = window ? first - window + 1 : 0;
    return Array.from({ length: width }, (_, e) => {
      const entry = list[e];
      if (!entry) return ABSENT;
      const [start, shift = 0] = entry;
      const page = (1 + s * width + e) * 7 % pool;
      const next = list.slice(e + 1).find((other) => other)?.[0] ?? Infinity;
      for (let t = 0; t < PAGE_TOKENS && start + t < next; t++) {
        const isSeen = start + t >= lowest && start + t < first + count && count;
        if (isSeen) visibleRows.push(page * PAGE_TOKENS + t);
      }
      if (count && start < first + count) visiblePages.push(page);
      return { page, start, shift };
    });
  });
  const table = (name: keyof typeof ABSENT) =>
    indexTable(tables.map((row) => row.map((entry) => entry[name])));
  const positions = spans.flatMap(({ first, count }) =>
    Array.from({ length: count }, (_, index) => first + index)
  );
  return {
    operands: {
      positions: indexRow(...positions),
      segments: indexRow(...starts(spans.map(({ count }) => count))),
      pages: table("page"),
      starts: table("start"),
      shifts: table("shift"),
    },
    rows: positions.length,
    pages: pool,
    visibleRows,
    visiblePages,
  };
}

/** The pages that a span's tokens see. */
function everyPage({ first, count }: Span, window: number): Entry[] {
  const lowest = window ? Math.max(0, first - window + 1) : 0;
  const entries: Entry[] = [];
  for (let start = lowest - lowest % PAGE_TOKENS; start < first + count; start += PAGE_TOKENS) {
    entries.push([start]);
  }
  return entries;
}

/** The spans of a case, for its name. */
export function describe(spans: readonly Span[]): string {
  const entry = (page: Entry) => page ? page.join("~") : "none";
  return spans.map(({ first, count, pages }) =>
    `${first}+${count}${pages ? ` of pages ${pages.map(entry).join(" ")}` : ""}`
  ).join(", ");
}
