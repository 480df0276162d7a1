/**
 * Operators on paged caches of keys and values.
 *
 * @module
 */
import { PAGE_TOKENS, type Tensor } from "../../src/ops.ts";
import { indices, operand, type ReferenceTensor, type Segment, segmentsOf } from "./tensor.ts";

const CACHE = ["f32", "bf16"] as const;

/** Row of the caches in which a position of a segment lives. */
function cacheRow(
  operator: string,
  pages: ReferenceTensor,
  cache: ReferenceTensor,
  { index }: Segment,
  position: number,
): number {
  const row = pages.row(index);
  const page = row[Math.floor(position / PAGE_TOKENS) % row.length]!;
  const limit = cache.rows / PAGE_TOKENS;
  if (page >= 0 && page < limit) return page * PAGE_TOKENS + position % PAGE_TOKENS;
  throw new Error(`${operator}: pages holds ${page}; pass 0 up to but not ${limit}`);
}

export function cacheAppend(
  keys: Tensor,
  values: Tensor,
  k: Tensor,
  v: Tensor,
  positions: Tensor,
  segments: Tensor,
  pages: Tensor,
): void {
  const name = "cache_append";
  const { rows, columns } = keys;
  const keyCache = operand(name, "keys", keys, { types: CACHE });
  const valueCache = operand(name, "values", values, { types: [keys.type], rows, columns });
  const newKeys = operand(name, "k", k, { columns });
  const newValues = operand(name, "v", v, { rows: k.rows, columns });
  const places = indices(name, "positions", positions, k.rows);
  const runs = segmentsOf(name, segments, k.rows);
  const table = operand(name, "pages", pages, { types: ["i32"], rows: runs.length });
  for (const segment of runs) {
    for (let n = segment.start; n < segment.end; n++) {
      const row = cacheRow(name, table, keyCache, segment, places[n]!);
      keyCache.setRow(row, newKeys.row(n));
      valueCache.setRow(row, newValues.row(n));
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
  headSize: number,
  window: number,
): void {
  const name = "attention";
  const queries = operand(name, "q", q);
  const to = operand(name, "out", out, { rows: q.rows, columns: q.columns });
  const keyCache = operand(name, "keys", keys, { types: CACHE });
  const size = { rows: keys.rows, columns: keys.columns };
  const valueCache = operand(name, "values", values, { types: [keys.type], ...size });
  const places = indices(name, "positions", positions, q.rows);
  const runs = segmentsOf(name, segments, q.rows);
  const table = operand(name, "pages", pages, { types: ["i32"], rows: runs.length });
  const group = q.columns / keys.columns; // query heads of one kv head
  if (!(headSize > 0) || keys.columns % headSize || !Number.isInteger(group)) {
    throw new Error(`attention: head_size is ${headSize}; pass a divisor of keys, and q of keys'`);
  }
  for (const segment of runs) {
    for (let n = segment.start; n < segment.end; n++) {
      const position = places[n]!;
      const first = window ? Math.max(0, position - window + 1) : 0;
      const rows: number[] = [];
      for (let p = first; p <= position; p++) {
        rows.push(cacheRow(name, table, keyCache, segment, p));
      }
      for (let head = 0; head * headSize < q.columns; head++) {
        const start = Math.floor(head / group) * headSize;
        const part = (cache: ReferenceTensor) =>
          rows.map((row) => cache.row(row).subarray(start, start + headSize));
        const query = queries.row(n).subarray(head * headSize, (head + 1) * headSize);
        to.row(n).set(attend(query, part(keyCache), part(valueCache)), head * headSize);
      }
    }
  }
}

/** One query against the keys and values that it sees. */
function attend(
  query: Float64Array,
  keys: readonly Float64Array[],
  values: readonly Float64Array[],
): Float64Array {
  const scores = keys.map((key) => {
    let score = 0;
    for (let i = 0; i < key.length; i++) score += query[i]! * key[i]!;
    return score / Math.sqrt(query.length);
  });
  const greatest = scores.reduce((a, b) => Math.max(a, b));
  const weights = scores.map((score) => Math.exp(score - greatest));
  const total = weights.reduce((a, b) => a + b);
  const out = new Float64Array(query.length);
  for (const [j, value] of values.entries()) {
    for (let i = 0; i < out.length; i++) out[i]! += weights[j]! / total * value[i]!;
  }
  return out;
}
