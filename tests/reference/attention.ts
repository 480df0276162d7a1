/**
 * Operators on paged caches of keys and values.
 *
 * @module
 */
import { PAGE_TOKENS, type Tensor } from "../../src/ops.ts";
import { type Page, pagesOf, turnedBack } from "./pages.ts";
import { indices, operand, type ReferenceTensor, segmentsOf } from "./tensor.ts";

const CACHE = ["f32", "bf16"] as const;

export function cacheAppend(
  keys: Tensor,
  values: Tensor,
  k: Tensor,
  v: Tensor,
  rows: Tensor,
  bounds?: Tensor,
): void {
  const name = "cache_append";
  const { columns } = keys;
  const keyCache = operand(name, "keys", keys, { types: CACHE });
  const size = { rows: keys.rows, columns };
  const valueCache = operand(name, "values", values, { types: [keys.type], ...size });
  const newKeys = operand(name, "k", k, { columns });
  const newValues = operand(name, "v", v, { rows: k.rows, columns });
  const places = indices(name, "rows", rows, k.rows, keys.rows);
  if (new Set(places).size < places.length) {
    throw new Error(`${name}: rows is ${places}; pass each row once`);
  }
  const extents = bounds &&
    operand(name, "bounds", bounds, { rows: keys.rows / PAGE_TOKENS, columns: 2 * columns });
  for (const [n, row] of places.entries()) {
    keyCache.setRow(row, newKeys.row(n));
    valueCache.setRow(row, newValues.row(n));
    const extent = extents?.row(Math.floor(row / PAGE_TOKENS));
    if (!extent) continue;
    for (const [column, key] of keyCache.row(row).entries()) {
      const isFirst = row % PAGE_TOKENS === 0;
      if (isFirst || key < extent[column]!) extent[column] = key;
      if (isFirst || key > extent[columns + column]!) extent[columns + column] = key;
    }
  }
}

export function attention(
  out: Tensor,
  q: Tensor,
  keys: Tensor,
  values: Tensor,
  positions: Tensor,
  segments: Tensor,
  pages: Tensor,
  starts: Tensor,
  shifts: Tensor,
  headSize: number,
  window: number,
  theta: number,
): void {
  const name = "attention";
  const queries = operand(name, "q", q);
  const to = operand(name, "out", out, { rows: q.rows, columns: q.columns });
  const keyCache = operand(name, "keys", keys, { types: CACHE });
  const size = { rows: keys.rows, columns: keys.columns };
  const valueCache = operand(name, "values", values, { types: [keys.type], ...size });
  const places = indices(name, "positions", positions, q.rows);
  const runs = segmentsOf(name, segments, q.rows);
  const group = q.columns / keys.columns; // query heads of one kv head
  if (!(headSize > 0) || headSize % 2 || keys.columns % headSize || !Number.isInteger(group)) {
    throw new Error(
      `attention: head_size is ${headSize}; pass an even divisor of keys, and q of keys'`,
    );
  }
  for (const segment of runs) {
    const limit = keys.rows / PAGE_TOKENS;
    const list = pagesOf(name, { pages, starts, shifts }, segment.index, runs.length, limit);
    for (let n = segment.start; n < segment.end; n++) {
      const tokens = tokensSeen(list, places[n]!, window);
      for (let head = 0; head * headSize < q.columns; head++) {
        const start = Math.floor(head / group) * headSize;
        const part = (cache: ReferenceTensor) =>
          tokens.map(({ row }) => cache.row(row).subarray(start, start + headSize));
        const query = queries.row(n).subarray(head * headSize, (head + 1) * headSize);
        const turned = new Map(
          list.map(({ shift }) => [shift, turnedBack(query, shift, theta)]),
        );
        const perToken = tokens.map(({ page }) => turned.get(page.shift)!);
        to.row(n).set(attend(perToken, part(keyCache), part(valueCache)), head * headSize);
      }
    }
  }
}

/** A token that a query sees: its row in the caches and its page. */
interface Token {
  readonly row: number;
  readonly page: Page;
}

function tokensSeen(list: readonly Page[], position: number, window: number): Token[] {
  const first = window ? Math.max(0, position - window + 1) : 0;
  const tokens = list.flatMap((page) =>
    Array.from({ length: page.tokens }, (_, t) => ({ at: page.start + t, t, page }))
  );
  const seen = tokens.filter(({ at }) => at >= first && at <= position);
  if (seen.at(-1)?.at !== position) {
    throw new Error(`attention: positions has ${position}, which is in no page`);
  }
  return seen.map(({ t, page }) => ({ row: page.number * PAGE_TOKENS + t, page }));
}

/** One query, as each token has it, against the keys and values of the tokens. */
function attend(
  queries: readonly Float64Array[],
  keys: readonly Float64Array[],
  values: readonly Float64Array[],
): Float64Array {
  const scores = keys.map((key, j) => {
    let score = 0;
    for (let i = 0; i < key.length; i++) score += queries[j]![i]! * key[i]!;
    return score / Math.sqrt(key.length);
  });
  const greatest = scores.reduce((a, b) => Math.max(a, b));
  const weights = scores.map((score) => Math.exp(score - greatest));
  const total = weights.reduce((a, b) => a + b);
  const out = new Float64Array(keys[0]!.length);
  for (const [j, value] of values.entries()) {
    for (let i = 0; i < out.length; i++) out[i]! += weights[j]! / total * value[i]!;
  }
  return out;
}
