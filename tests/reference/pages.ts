/**
 * The pages that a segment reads, and the operators that score and choose them.
 *
 * @module
 */
import { PAGE_TOKENS, type Tensor } from "../../src/ops.ts";
import { indices, operand, segmentsOf } from "./tensor.ts";

/** The tables of pages, `[S, width]`. */
export interface PageTables {
  readonly pages: Tensor;
  readonly starts: Tensor;
  readonly shifts: Tensor;
}

/** A page that a segment reads. */
export interface Page {
  /** Its column in the tables. */
  readonly entry: number;
  /** Its place in the caches. */
  readonly number: number;
  /** Position of its first token. */
  readonly start: number;
  /** At most its tokens: it ends where the next page begins. */
  readonly tokens: number;
  readonly shift: number;
}

/** The pages of row `segment` of the tables, which have `rows` rows; numbers are below `limit`. */
export function pagesOf(
  operator: string,
  tables: PageTables,
  segment: number,
  rows: number,
  limit: number,
): Page[] {
  const { columns } = tables.pages;
  const [numbers, starts, shifts] = (["pages", "starts", "shifts"] as const).map((name) =>
    operand(operator, name, tables[name], { types: ["i32"], rows, columns }).row(segment)
  ) as [Float64Array, Float64Array, Float64Array];
  const entries = [...numbers.keys()].filter((entry) => numbers[entry] !== -1);
  return entries.map((entry, index) => {
    const [number, start, shift] = [numbers[entry]!, starts[entry]!, shifts[entry]!];
    const next = entries[index + 1];
    const room = next === undefined ? PAGE_TOKENS : starts[next]! - start;
    if (number < 0 || number >= limit || start < 0 || room <= 0 || shift < 0) {
      throw new Error(
        `${operator}: entry ${entry} is page ${number} at ${start} shifted by ${shift}; ` +
          `pass pages below ${limit}, starts that rise and shifts of 0 or more`,
      );
    }
    return { entry, number, start, tokens: Math.min(room, PAGE_TOKENS), shift };
  });
}

/** A query head turned back by `shift` positions. */
export function turnedBack(query: Float64Array, shift: number, theta: number): Float64Array {
  const half = query.length / 2;
  const out = new Float64Array(query.length);
  for (let i = 0; i < half; i++) {
    const angle = -shift * Math.fround(theta ** (-2 * i / query.length));
    out[i] = query[i]! * Math.cos(angle) - query[half + i]! * Math.sin(angle);
    out[half + i] = query[half + i]! * Math.cos(angle) + query[i]! * Math.sin(angle);
  }
  return out;
}

export function pageScores(
  scores: Tensor,
  q: Tensor,
  bounds: Tensor,
  positions: Tensor,
  segments: Tensor,
  pages: Tensor,
  starts: Tensor,
  shifts: Tensor,
  headSize: number,
  theta: number,
): void {
  const name = "page_scores";
  const queries = operand(name, "q", q);
  const extents = operand(name, "bounds", bounds);
  const places = indices(name, "positions", positions, q.rows);
  const runs = segmentsOf(name, segments, q.rows);
  const to = operand(name, "scores", scores, { rows: runs.length, columns: pages.columns });
  const columns = bounds.columns / 2;
  const group = q.columns / columns; // query heads of one kv head
  if (!(headSize > 0) || headSize % 2 || columns % headSize || !Number.isInteger(group)) {
    throw new Error(`${name}: head_size is ${headSize}; pass an even divisor of bounds and q`);
  }
  for (const { index, start, end } of runs) {
    const best = to.row(index).fill(-Infinity);
    const list = pagesOf(name, { pages, starts, shifts }, index, runs.length, bounds.rows);
    for (let n = start; n < end; n++) {
      const seen = list.filter((page) => page.start <= places[n]!);
      for (let head = 0; head * headSize < q.columns; head++) {
        const first = Math.floor(head / group) * headSize;
        const query = queries.row(n).subarray(head * headSize, (head + 1) * headSize);
        const limits = seen.map(({ number, shift }) => {
          const extent = extents.row(number);
          const least = extent.subarray(first, first + headSize);
          const greatest = extent.subarray(columns + first, columns + first + headSize);
          return limitOf(turnedBack(query, shift, theta), least, greatest);
        });
        const top = Math.max(...limits);
        for (const [i, { entry }] of seen.entries()) {
          best[entry] = Math.max(best[entry]!, limits[i]! - top);
        }
      }
    }
  }
}

/** What no score of a query with keys between `least` and `greatest` exceeds. */
function limitOf(query: Float64Array, least: Float64Array, greatest: Float64Array): number {
  let limit = 0;
  for (const [i, x] of query.entries()) limit += Math.max(x * least[i]!, x * greatest[i]!);
  return limit / Math.sqrt(query.length);
}

export function selectPages(
  chosenPages: Tensor,
  chosenStarts: Tensor,
  chosenShifts: Tensor,
  scores: Tensor,
  pages: Tensor,
  starts: Tensor,
  shifts: Tensor,
  recent: number,
): void {
  const name = "select_pages";
  const { rows, columns } = scores;
  const marks = operand(name, "scores", scores);
  const count = chosenPages.columns;
  const [toPages, toStarts, toShifts] = [chosenPages, chosenStarts, chosenShifts].map((tensor) =>
    operand(name, "chosen", tensor, { types: ["i32"], rows, columns: count })
  );
  if (recent >= count || count > columns) {
    throw new Error(`${name}: ${recent} of ${count} are recent; pass less of at most ${columns}`);
  }
  for (let s = 0; s < rows; s++) {
    const list = pagesOf(name, { pages, starts, shifts }, s, rows, 2 ** 31);
    const mark = ({ entry }: Page) => {
      const score = marks.row(s)[entry]!;
      return Number.isNaN(score) ? -Infinity : score;
    };
    const isOther = (index: number) => index > 0 && index < list.length - recent;
    const others = list.filter((_, index) => isOther(index));
    const falling = others.toSorted((a, b) => mark(b) - mark(a) || a.entry - b.entry);
    const best = new Set(falling.slice(0, count - 1 - recent));
    const chosen = list.length <= count
      ? list
      : list.filter((page, index) => !isOther(index) || best.has(page));
    for (let i = 0; i < count; i++) {
      toPages!.row(s)[i] = chosen[i]?.number ?? -1;
      toStarts!.row(s)[i] = chosen[i]?.start ?? 0;
      toShifts!.row(s)[i] = chosen[i]?.shift ?? 0;
    }
  }
}
