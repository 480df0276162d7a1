import { assertEquals } from "@std/assert";
import { PrefixCache } from "../src/engine/prefix_cache.ts";
import { TokenHistory } from "../src/engine/token_history.ts";

const all = () => true;
const text = (...ids: number[]) => ({ start: 0, ids: Int32Array.from(ids) });
const ids = (...list: number[]) => Int32Array.from(list);

Deno.test("PrefixCache finds the longest state that the tokens begin with", () => {
  const cache = new PrefixCache<string>(1000);
  cache.put(1, text(1, 2), "two", 10);
  cache.put(1, text(1, 2, 3, 4), "four", 10);
  cache.put(2, text(1, 9), "other", 10);
  const found = cache.find(ids(1, 2, 3, 4, 5), all);
  assertEquals(found, { match: { position: 4, state: "four" }, shared: 4 });
  assertEquals(cache.find(ids(1, 2, 3), all), {
    match: { position: 2, state: "two" },
    shared: 3,
  });
  assertEquals(cache.find(ids(5), all), { match: undefined, shared: 0 });
  assertEquals(cache.find(ids(1, 2, 3, 4), (state) => state !== "four").match?.state, "two");
});

Deno.test("PrefixCache drops what was used longest ago when it is full", () => {
  const cache = new PrefixCache<string>(3 * 24);
  for (const id of [1, 2, 3]) cache.put(1, text(id), `${id}`, 20);
  assertEquals(cache.bytes, 72);
  cache.find(ids(1), all);
  cache.put(1, text(4), "4", 20);
  assertEquals([1, 2, 3, 4].map((id) => cache.find(ids(id), all).match?.state), [
    "1",
    undefined,
    "3",
    "4",
  ]);
  cache.put(1, text(5), "too large", 100);
  assertEquals(cache.find(ids(5), all).match, undefined);
  assertEquals(cache.bytes, 72);
});

Deno.test("PrefixCache keeps one state for the same tokens", () => {
  const cache = new PrefixCache<string>(1000);
  cache.put(1, text(1, 2), "old", 10);
  cache.put(2, text(1, 2), "new", 10);
  assertEquals(cache.bytes, 18);
  assertEquals(cache.find(ids(1, 2), all).match?.state, "new");
});

Deno.test("PrefixCache gives states with unknown beginnings to their session alone", () => {
  const cache = new PrefixCache<string>(1000);
  const late = { start: 5, ids: ids(6, 7) };
  cache.put(1, late, "late", 10);
  assertEquals(cache.find(ids(6, 7), all).match, undefined);
  const now = { start: 6, ids: ids(7, 8, 9) };
  assertEquals(cache.findBefore(1, now, 8, all), { position: 7, state: "late" });
  assertEquals(cache.findBefore(1, now, 6, all), undefined);
  assertEquals(cache.findBefore(2, now, 8, all), undefined);
  // A token between the state and what is known has been forgotten.
  assertEquals(cache.findBefore(1, { start: 8, ids: ids(9) }, 9, all), undefined);
  cache.forget(1, 6);
  assertEquals([cache.findBefore(1, now, 8, all), cache.bytes], [undefined, 0]);
});

Deno.test("TokenHistory keeps the last ids and where they stand", () => {
  const history = new TokenHistory(4);
  for (let id = 10; id < 17; id++) history.push(id);
  assertEquals([history.length, history.start], [7, 3]);
  assertEquals([...history.slice(3)], [13, 14, 15, 16]);
  assertEquals([...history.slice(4, 6)], [14, 15]);
  history.restore(history.slice(3, 5), 5);
  assertEquals([history.length, history.start], [5, 3]);
  history.push(99);
  assertEquals([...history.slice(history.start)], [13, 14, 99]);
});
