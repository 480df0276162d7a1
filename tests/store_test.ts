import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import type { SnapshotStore, StoreFailure, StoreOptions } from "../src/store/store.ts";
import { StoreError } from "../src/store/store.ts";
import { delay, keysOf, leaseAfterExpiry, STORE_KINDS } from "./stores.ts";

const LONG = 60_000;

/** Opens one more store on the same ground. */
type Open = (options?: StoreOptions) => Promise<SnapshotStore>;

function bytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(length);
  for (let i = 0; i < length; i++) made[i] = i * 31 + seed * 17 + (i >> 8);
  return made;
}

async function assertRefused(reason: StoreFailure, work: () => Promise<unknown>, text: string) {
  const error = await assertRejects(work, StoreError, text);
  assertEquals(error.reason, reason);
}

/** What every store does. */
const BEHAVIOURS: Record<string, (open: Open) => Promise<void>> = {
  "get() gives a copy of what was put last": async (open) => {
    await using store = await open();
    const value = bytes(1000);
    await store.put("a", bytes(10));
    await store.put("a", value.subarray(100, 900));
    value.fill(0);
    const first = await store.get("a");
    assertEquals(first, bytes(1000).slice(100, 900));
    assertEquals(first!.buffer.byteLength, 800);
    first!.fill(0);
    assertEquals(await store.get("a"), bytes(1000).slice(100, 900));
  },

  "get() and delete() take a key that is not there": async (open) => {
    await using store = await open();
    assertEquals(await store.get("a"), undefined);
    await store.delete("a");
    await store.put("a", bytes(3));
    await store.delete("a");
    assertEquals(await store.get("a"), undefined);
    assertEquals(await keysOf(store), []);
  },

  "put() tells nothing from none": async (open) => {
    await using store = await open({ maxBytes: 0 });
    await store.put("a", new Uint8Array(0));
    assertEquals(await store.get("a"), new Uint8Array(0));
    assertEquals((await Array.fromAsync(store.list()))[0]?.bytes, 0);
  },

  "put() takes 20 MB": async (open) => {
    await using store = await open();
    const value = bytes(20e6);
    await store.put("a", value);
    const stored = await store.get("a");
    assert(stored !== undefined && Buffer.from(stored).equals(value));
  },

  "put() takes any well-formed key": async (open) => {
    await using store = await open();
    const odd = [
      "",
      " ",
      "a",
      "a\0",
      "a\0b",
      "A",
      "é",
      "e\u0301",
      "🦊",
      "\ufeffa",
      "a:b",
      "a\r\nb",
    ];
    odd.push("'; DROP TABLE entries; --", "%s*?[a]", "__proto__", "../a", "k".repeat(5000));
    for (const [i, key] of odd.entries()) await store.put(key, bytes(4, i));
    for (const [i, key] of odd.entries()) assertEquals(await store.get(key), bytes(4, i), key);
    assertEquals(await keysOf(store), odd);
    for (const key of odd) assert(await store.lease(key, "node", LONG), key);
  },

  "put(), get(), delete() and lease() refuse half a character": async (open) => {
    await using store = await open();
    const key = "a\ud83e";
    await assertRejects(() => store.put(key, bytes(1)), TypeError, "half a character");
    await assertRejects(() => store.get(key), TypeError, "half a character");
    await assertRejects(() => store.delete(key), TypeError, "half a character");
    await assertRejects(() => store.lease(key, "node", LONG), TypeError, "half a character");
  },

  "put() leaves whole snapshots when many run at once": async (open) => {
    await using store = await open();
    const writes = Array.from({ length: 24 }, (_, i) => store.put(`${i % 3}`, bytes(5000 + i, i)));
    await Promise.all(writes);
    for (const key of ["0", "1", "2"]) {
      const stored = (await store.get(key))!;
      assertEquals(stored, bytes(stored.length, stored.length - 5000));
    }
  },

  "list() says size and time, the least recently used first": async (open) => {
    await using store = await open();
    const before = Date.now();
    await store.put("a", bytes(1));
    await store.put("b", bytes(2), { keep: true });
    await store.put("c", bytes(3));
    await store.get("a");
    const entries = await Array.fromAsync(store.list());
    assertEquals(
      entries.map(({ key, bytes, kept }) => [key, bytes, kept]),
      [["b", 2, true], ["c", 3, false], ["a", 1, false]],
    );
    for (const { usedAt } of entries) assert(usedAt >= before && usedAt <= Date.now() + 1);
  },

  "list() gives the keys that begin with a prefix": async (open) => {
    await using store = await open();
    const all = ["b/2", "a", "b/1", "b", "b/\u{10ffff}", "b\0", "c", "b0", "é", "é/1", "*", "*a"];
    for (const key of all) await store.put(key, bytes(1));
    await store.get("b/2");
    const under = async (prefix: string) =>
      (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);
    assertEquals(await under("b/"), ["b/1", "b/\u{10ffff}", "b/2"]);
    assertEquals(await under("b"), ["b/1", "b", "b/\u{10ffff}", "b\0", "b0", "b/2"]);
    assertEquals(await under("é"), ["é", "é/1"]);
    assertEquals(await under("*"), ["*", "*a"]);
    assertEquals(await under("d"), []);
    assertEquals(await under(""), await keysOf(store));
    await store.delete("b/1");
    assertEquals(await under("b/"), ["b/\u{10ffff}", "b/2"]);
    await assertRejects(() => under("a\ud83e"), TypeError, "half a character");
  },

  "put() makes room past maxBytes, the least recently used first": async (open) => {
    await using store = await open({ maxBytes: 300 });
    for (const key of ["a", "b", "c"]) await store.put(key, bytes(100));
    await store.get("a");
    await store.put("d", bytes(100));
    assertEquals(await keysOf(store), ["c", "a", "d"]);
    await store.put("e", bytes(101));
    assertEquals(await keysOf(store), ["d", "e"]);
    assertEquals(await store.get("a"), undefined);
  },

  "put() counts what it replaces no more": async (open) => {
    await using store = await open({ maxBytes: 300 });
    await store.put("a", bytes(250));
    await store.put("b", bytes(50));
    await store.put("a", bytes(240));
    await store.put("a", bytes(250));
    assertEquals(await keysOf(store), ["b", "a"]);
    await store.delete("a");
    await store.put("c", bytes(250));
    assertEquals(await keysOf(store), ["b", "c"]);
  },

  "put() never removes what is kept, and then nothing": async (open) => {
    await using store = await open({ maxBytes: 300 });
    await store.put("parked", bytes(200), { keep: true });
    await store.put("a", bytes(60));
    await assertRefused("full", () => store.put("b", bytes(101)), "101 bytes");
    await assertRefused("full", () => store.put("parked", bytes(301)), "301 bytes");
    assertEquals(await keysOf(store), ["parked", "a"]);
    await store.put("b", bytes(100));
    assertEquals(await keysOf(store), ["parked", "b"]);
    await store.put("parked", bytes(200));
    await store.put("c", bytes(300));
    assertEquals(await keysOf(store), ["c"]);
  },

  "put() never removes what is leased": async (open) => {
    await using store = await open({ maxBytes: 300 });
    await store.put("a", bytes(200));
    const lease = (await store.lease("a", "node", LONG))!;
    await assertRefused("full", () => store.put("b", bytes(101)), "leased");
    await lease.release();
    await store.put("b", bytes(101));
    assertEquals(await keysOf(store), ["b"]);
  },

  "lease() is granted to one at a time": async (open) => {
    await using store = await open();
    for (let round = 0; round < 5; round++) {
      const owners = Array.from({ length: 20 }, (_, i) => store.lease("a", `node ${i}`, LONG));
      const granted = (await Promise.all(owners)).filter((lease) => lease !== undefined);
      assertEquals(granted.length, 1);
      const [lease] = granted;
      assertEquals(lease!.key, "a");
      assertEquals(await store.lease("a", lease!.owner, LONG), undefined);
      assert(await store.lease(`b${round}`, "node", LONG));
      await lease!.release();
      assertEquals(await lease!.renew(), false);
    }
  },

  "lease() gives greater fences, also after delete()": async (open) => {
    await using store = await open();
    let last = 0;
    for (const key of ["a", "a", "b", "a"]) {
      await using lease = (await store.lease(key, "node", LONG))!;
      assert(lease.fence > last);
      last = lease.fence;
      await store.put(key, bytes(1), { fence: last });
      await store.delete(key, { fence: last });
    }
  },

  "lease() of one that died is granted once it expires": async (open) => {
    await using store = await open();
    const dead = (await store.lease("a", "dead", 1))!;
    await store.put("a", bytes(1), { fence: dead.fence });
    await using lease = await leaseAfterExpiry(store, "a", "next");
    await store.put("a", bytes(2), { fence: lease.fence });
    // Here it comes back.
    assertEquals(await dead.renew(), false);
    await dead.release();
    assertEquals(await store.lease("a", "third", LONG), undefined);
    const late = { fence: dead.fence };
    await assertRefused("fenced", () => store.put("a", bytes(3), late), '"next" was granted');
    await assertRefused("fenced", () => store.delete("a", late), `fence ${lease.fence}`);
    await lease.release();
    await assertRefused("fenced", () => store.put("a", bytes(3), late), '"next" was granted');
    assertEquals(await store.get("a"), bytes(2));
  },

  "put() and delete() need the fence while the key is leased": async (open) => {
    await using store = await open();
    const lease = (await store.lease("a", "node", LONG))!;
    await assertRefused("fenced", () => store.put("a", bytes(1)), '"node" holds a lease');
    await assertRefused("fenced", () => store.delete("a"), '"node" holds a lease');
    await lease.release();
    await store.put("a", bytes(1));
    await store.delete("a");
  },

  "renew() holds a lease longer": async (open) => {
    await using store = await open();
    await using lease = (await store.lease("a", "node", 20))!;
    assert(await lease.renew(LONG));
    await delay(30);
    assertEquals(await store.lease("a", "other", LONG), undefined);
    await assertRejects(() => lease.renew(0.5), RangeError, "0.5 ms");
  },

  "lease() and open() refuse what is no number for them": async (open) => {
    await using store = await open();
    for (const wrong of [0, -1, 1.5, NaN, Infinity]) {
      await assertRejects(() => store.lease("a", "node", wrong), RangeError, `${wrong} ms`);
    }
    await assertRejects(() => open({ maxBytes: -1 }), RangeError, "maxBytes is -1");
  },
};

/** What stores that others can share do besides. */
const SHARED: typeof BEHAVIOURS = {
  "put() is seen by a store opened before and by one opened after": async (open) => {
    await using reader = await open();
    {
      await using writer = await open();
      await writer.put("a", bytes(5));
    }
    assertEquals(await reader.get("a"), bytes(5));
    await using later = await open();
    assertEquals(await later.get("a"), bytes(5));
  },

  "lease() is granted to one of several stores": async (open) => {
    await using one = await open();
    await using two = await open();
    const stores = Array.from({ length: 20 }, (_, i) => i % 2 ? one : two);
    const leases = await Promise.all(stores.map((store) => store.lease("a", "node", LONG)));
    const [lease, ...others] = leases.filter((granted) => granted !== undefined);
    assertEquals(others, []);
    await two.put("a", bytes(1), { fence: lease!.fence });
    await lease!.release();
    const next = (await one.lease("a", "next", LONG))!;
    assert(next.fence > lease!.fence);
    const late = { fence: lease!.fence };
    await assertRefused("fenced", () => two.put("a", bytes(2), late), '"next" was granted');
  },
};

for (const { name, shared, missing, start } of STORE_KINDS) {
  for (const [behaviour, check] of Object.entries({ ...BEHAVIOURS, ...(shared ? SHARED : {}) })) {
    Deno.test({
      name: `${name} ${behaviour}`,
      ignore: missing,
      async fn() {
        await using ground = await start();
        await check((options) => ground.open(options));
      },
    });
  }
}
