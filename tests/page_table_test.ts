import { assert, assertEquals, assertThrows } from "@std/assert";
import { PageTable, type PageTableOptions } from "../src/model/page_table.ts";
import { Random } from "./cases/random.ts";

const TRAINED = 1 << 20;

function fullTable(pages: number, options: Partial<PageTableOptions> = {}): PageTable {
  return new PageTable({ firstPage: 0, pages, window: 0, trainedLength: TRAINED, ...options });
}

const starts = (table: PageTable) => table.held.map(({ start }) => start);

/** Adds `count` tokens from position `first` on, whose pages all score alike. */
function add(table: PageTable, first: number, count: number): void {
  table.prepare(first, count);
  table.score(new Float32Array(table.held.length), first + count - 1);
}

Deno.test("PageTable keeps every page when the session fits", () => {
  const table = fullTable(8, { firstPage: 40 });
  add(table, 0, 20);
  add(table, 20, 64);
  assertEquals(starts(table), [0, 16, 32, 48, 64, 80]);
  assertEquals(table.held.map(({ page }) => page), [40, 41, 42, 43, 44, 45]);
  assertEquals([0, 15, 16, 83].map((position) => table.row(position)), [640, 655, 656, 723]);
  assertEquals(table.inexactFrom, undefined);
});

Deno.test("PageTable evicts the page that has longest not been among the best", () => {
  const table = fullTable(8); // of which the last two are recent
  table.prepare(0, 128);
  for (const [position, best] of [[128, 3], [129, 2]] as const) {
    const scores = new Float32Array(8).fill(-9);
    scores[best] = 0;
    scores[0] = 1;
    table.score(scores, position);
  }
  table.prepare(128, 64);
  // Of pages 1 to 5, pages 2 and 3 have been used since.
  assertEquals(starts(table), [0, 32, 96, 112, 128, 144, 160, 176]);
  assertEquals(table.inexactFrom, 128);
});

Deno.test("PageTable notes the best quarter of the scores, whatever their order", () => {
  const random = new Random(8);
  for (let pages = 6; pages < 60; pages++) {
    const table = fullTable(pages);
    table.prepare(0, 16);
    for (let start = 16; start < 16 * pages; start += 16) table.prepare(start, 16);
    // Few values, so that many are alike, and pages that no query can read.
    const scores = Float32Array.from(table.held, () => Math.log(random.below(1 + pages / 3)));
    table.score(scores, 16 * pages - 1);
    const least = scores.toSorted().at(-Math.ceil(pages / 4))!;
    const best = table.held.map(({ used }) => used === 16 * pages - 1);
    best.pop(); // the last page was taken at this position
    assertEquals(best, [...scores.subarray(0, -1)].map((score) => score >= least));
  }
});

Deno.test("PageTable never evicts the first page nor the recent ones", () => {
  const table = fullTable(8);
  const random = new Random(7);
  for (let position = 0; position < 5000;) {
    const count = 1 + random.below(64);
    const before = starts(table);
    table.prepare(position, count);
    const now = starts(table);
    for (const start of [before[0], ...before.slice(-table.recent)]) {
      if (start !== undefined) assert(now.includes(start), `${start} was evicted`);
    }
    assertEquals(new Set(table.held.map(({ page }) => page)).size, now.length);
    assert(now.length <= 8);
    table.score(Float32Array.from(now, () => random.below(1000)), position + count - 1);
    position += count;
  }
});

Deno.test("PageTable drops the pages behind a window and stays exact", () => {
  const table = fullTable(4, { window: 17 });
  for (let position = 0; position < 100; position++) {
    add(table, position, 1);
    const lowest = Math.max(0, position - 16);
    assert(table.held[0]!.start <= lowest && table.held[0]!.start + 16 > lowest);
  }
  assertEquals(table.inexactFrom, undefined);
});

Deno.test("PageTable shifts nothing until a distance would exceed the trained length", () => {
  const table = fullTable(8, { trainedLength: 256 });
  let position = 0;
  for (; position < 256; position++) add(table, position, 1);
  assert(table.inexactFrom !== undefined);
  assertEquals(table.shifts(255), Array(8).fill(0));
});

Deno.test("PageTable closes gaps so that no distance exceeds the trained length", () => {
  const table = fullTable(8, { trainedLength: 256 });
  const random = new Random(3);
  for (let position = 0; position < 3000; position++) {
    table.prepare(position, 1);
    table.score(Float32Array.from(table.held, () => random.below(1000)), position);
    const shifts = table.shifts(position);
    let next = Infinity;
    for (const [i, { start }] of [...table.held.entries()].reverse()) {
      const moved = start + shifts[i]!;
      assert(moved + 16 <= next, "a moved page overlaps the next one");
      assert(position - moved < 256, `distance ${position - moved}`);
      assert(shifts[i]! >= 0);
      next = moved;
    }
    assertEquals(shifts.at(-1), 0);
  }
});

Deno.test("PageTable takes what another held", () => {
  const table = fullTable(8);
  for (let position = 0; position < 300; position++) add(table, position, 1);
  const copy = fullTable(8, { firstPage: 8 });
  copy.restore(table.state);
  assertEquals(copy.state, table.state);
  assert(copy.held.every(({ page }) => page >= 8 && page < 16));
  for (const each of [table, copy]) add(each, 300, 40);
  assertEquals(copy.state, table.state);
});

Deno.test("PageTable refuses more pages than it has", () => {
  const table = fullTable(8);
  add(table, 0, 128);
  const error = assertThrows(() => fullTable(6).restore(table.state), RangeError);
  assert(error.message.includes("128"), error.message);
});
