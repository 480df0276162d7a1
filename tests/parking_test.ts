import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Runtime } from "../src/runtime.ts";
import type { Session } from "../src/session.ts";
import { SessionError } from "../src/session_error.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { SqliteStore } from "../src/store/sqlite.ts";
import { type SnapshotStore, StoreError } from "../src/store/store.ts";
import { loadFable } from "./fable.ts";
import { FailingStore } from "./failing_stores.ts";
import { delay, Folder, keysOf } from "./stores.ts";

const SAMPLING = { temperature: 0.9, ignoreEos: true };
const PROMPTS = ["fox", "king", "bear", "girl", "wolf", "miller"].map((who) =>
  `Once upon a time there was a ${who}`
);

/** Two slots and a store. */
function load(store: SnapshotStore): Promise<Runtime> {
  return loadFable({ sessions: 2, store });
}

async function take(session: Session, count: number, seed?: number): Promise<number[]> {
  const ids: number[] = [];
  const options = { ...SAMPLING, maxTokens: count, ...(seed === undefined ? {} : { seed }) };
  for await (const { id } of session.generate(options)) ids.push(id);
  return ids;
}

async function begun(runtime: Runtime, prompt = PROMPTS[0]!): Promise<Session> {
  const session = await runtime.session({ wait: true });
  await session.append(prompt, { logits: "none" });
  return session;
}

/** What each prompt gives in a session that is never parked. */
async function alone(count: number): Promise<number[][]> {
  await using runtime = await loadFable();
  const all: number[][] = [];
  for (const [i, prompt] of PROMPTS.entries()) {
    await using session = await begun(runtime, prompt);
    all.push(await take(session, count, i));
  }
  return all;
}

Deno.test("park() frees the slot and the next use goes on", async () => {
  const expected = (await alone(20))[0]!;
  await using store = new MemoryStore();
  await using runtime = await load(store);
  await using session = await begun(runtime);
  const first = await take(session, 10, 0);
  const { position } = session;
  await session.park();
  await session.park();
  assertEquals([session.parked, session.position, session.exact], [true, position, true]);
  assertEquals((await keysOf(store, "session/")).length, 1);
  {
    await using _one = await runtime.session();
    await using _two = await runtime.session();
  }
  assertEquals([...first, ...await take(session, 10)], expected);
  assertEquals([session.parked, await keysOf(store, "session/")], [false, []]);
});

Deno.test("park() says that it needs a store and an idle session", async () => {
  await using bare = await loadFable();
  await using plain = await bare.session();
  await assertRejects(() => plain.park(), TypeError, "without a store");
  await using store = new MemoryStore();
  await using runtime = await load(store);
  await using session = await begun(runtime);
  const tokens = session.generate({ ...SAMPLING, seed: 1, maxTokens: 5 });
  await tokens.next();
  await assertRejects(() => session.park(), Error, "busy");
  await tokens.return();
  await session.close();
  await assertRejects(() => session.park(), Error, "closed");
});

for (const kind of ["MemoryStore", "SqliteStore"] as const) {
  Deno.test(`six sessions take turns in two slots, parked in a ${kind}`, async () => {
    const expected = await alone(24);
    await using folder = new Folder();
    await using store = kind === "MemoryStore"
      ? new MemoryStore()
      : new SqliteStore(`${folder.path}/store.db`);
    await using runtime = await load(store);
    const sessions: Session[] = [];
    for (const prompt of PROMPTS) sessions.push(await begun(runtime, prompt));
    assertEquals(sessions.filter(({ parked }) => parked).length, 4);
    const ids: number[][] = PROMPTS.map(() => []);
    const go = async (i: number, round: number) => {
      ids[i]!.push(...await take(sessions[i]!, 8, round === 0 ? i : undefined));
    };
    for (let i = 0; i < 6; i++) await go(i, 0);
    // All at once, then all at once without waiting for each other's turns.
    await Promise.all(PROMPTS.map((_, i) => go(i, 1)));
    await Promise.all(PROMPTS.map((_, i) => go(i, 2)));
    assertEquals(ids, expected);
    for (const session of sessions) await session.close();
    assertEquals(await keysOf(store, "session/"), []);
  });
}

Deno.test("sessions that are asked for at once are all opened", async () => {
  await using store = new MemoryStore();
  await using runtime = await load(store);
  const sessions = await Promise.all(PROMPTS.map(() => runtime.session({ wait: true })));
  await Promise.all(sessions.map((session, i) => session.append([300 + i])));
  assertEquals(sessions.map(({ position }) => position), [1, 1, 1, 1, 1, 1]);
});

Deno.test("a session that is being parked can be used at once", async () => {
  await using store = new MemoryStore();
  await using runtime = await load(store);
  await using session = await begun(runtime);
  const expected = await session.append([]);
  const parking = session.park();
  const logits = await session.append([]);
  await parking;
  assertEquals([logits, session.parked], [expected, false]);
});

Deno.test("fork() brings a parked session back", async () => {
  await using store = new MemoryStore();
  await using runtime = await load(store);
  await using session = await begun(runtime);
  await take(session, 10, 3);
  await session.park();
  await using branch = await session.fork();
  assertEquals([session.parked, branch.position], [false, session.position]);
  assertEquals(await take(branch, 8), await take(session, 8));
});

Deno.test("a parked session can be closed and leaves nothing in the store", async () => {
  await using store = new MemoryStore();
  await using runtime = await load(store);
  await using session = await begun(runtime);
  await session.park();
  await session.close();
  assertEquals(await keysOf(store, "session/"), []);
  await assertRejects(() => session.append([1]), Error, "closed");
  // Closed on its way there.
  await using other = await begun(runtime);
  const parking = other.park();
  await other.close();
  await parking;
  assertEquals(await keysOf(store, "session/"), []);
  // Closed on its way back.
  await using third = await begun(runtime);
  await third.park();
  const use = assertRejects(() => third.append([1]), Error, "closed");
  await third.close();
  await use;
  await using _one = await runtime.session();
  await using _two = await runtime.session();
});

Deno.test("a session whose state was deleted says so, and no other suffers", async () => {
  await using store = new FailingStore();
  await using runtime = await load(store);
  await using lost = await begun(runtime);
  await using other = await begun(runtime, PROMPTS[1]);
  const expected = await other.append([]);
  await other.park();
  const [kept] = await keysOf(store, "session/");
  await lost.park();
  store.lost = (await keysOf(store, "session/")).find((one) => one !== kept)!;
  for (let i = 0; i < 3; i++) {
    await assertRejects(() => lost.append([1]), SessionError, `${lost.id}" is not in the store`);
  }
  assertEquals(await other.append([]), expected);
  await using _free = await runtime.session({ wait: false });
});

Deno.test("a session is not parked while it is busy", async () => {
  await using store = new MemoryStore();
  await using runtime = await load(store);
  await using one = await begun(runtime);
  await using two = await begun(runtime, PROMPTS[1]);
  const running = [one, two].map((session) => session.generate({ ...SAMPLING, seed: 1 }));
  for (const tokens of running) await tokens.next();
  await assertRejects(() => runtime.session(), Error, "All 2 sessions are in use");
  const waiting = runtime.session({ wait: true });
  await delay(50);
  for (const tokens of running) await tokens.next();
  assertEquals([one.parked, two.parked], [false, false]);
  // Once one has ended, the session that waits takes its place.
  await running[1]!.return();
  await using third = await waiting;
  assertEquals([one.parked, two.parked, third.position], [false, true, 0]);
  await running[0]!.return();
});

Deno.test("a session that waits for its slot can be aborted, and loses nothing", async () => {
  await using store = new MemoryStore();
  await using runtime = await load(store);
  await using parked = await begun(runtime);
  const expected = await parked.append([]);
  await parked.park();
  await using one = await begun(runtime);
  await using two = await begun(runtime);
  const running = [one, two].map((session) => session.generate({ ...SAMPLING, seed: 1 }));
  for (const tokens of running) await tokens.next();
  const abort = new AbortController();
  const { signal } = abort;
  const reason = new Error("enough");
  const uses = [parked.append([], { signal }), runtime.session({ wait: true, signal })];
  setTimeout(() => abort.abort(reason), 10);
  for (const result of await Promise.allSettled(uses)) {
    assertEquals(result, { status: "rejected", reason });
  }
  assert(parked.parked);
  for (const tokens of running) await tokens.return();
  assertEquals(await parked.append([]), expected);
});

Deno.test("close() of a runtime takes parked sessions and who waits with it", async () => {
  await using store = new MemoryStore();
  const runtime = await load(store);
  const sessions: Session[] = [];
  for (const prompt of PROMPTS) sessions.push(await begun(runtime, prompt));
  const active = sessions.filter(({ parked }) => !parked);
  const running = active.map((session) => session.generate({ ...SAMPLING, seed: 1 }));
  for (const tokens of running) await tokens.next();
  const back = sessions.find(({ parked }) => parked)!;
  const waits = [
    assertRejects(() => runtime.session({ wait: true }), Error, "closed"),
    assertRejects(() => back.append([]), Error, "closed"),
  ];
  await delay(5);
  await runtime.close();
  await Promise.all(waits);
  assertEquals(await keysOf(store, "session/"), []);
  for (const session of sessions) await assertRejects(() => session.append([]), Error, "closed");
});

Deno.test("a store that fails keeps no slot, no answer and no session", async () => {
  await using store = new FailingStore();
  await using runtime = await load(store);
  await using one = await begun(runtime);
  await using two = await begun(runtime, PROMPTS[1]);
  const expected = await one.append([]);
  store.failing = true;
  await assertRejects(() => one.park(), StoreError, "The store is away");
  for (let i = 0; i < 3; i++) {
    await assertRejects(() => runtime.session(), StoreError, "The store is away");
  }
  assertEquals([await one.append([]), one.parked], [expected, false]);
  await two.close();
  await using three = await runtime.session();
  await three.append(Array.from({ length: 20 }, (_, i) => 300 + i));
  assertEquals(three.reuse, { tokens: 0, why: "The store is away", cause: "store" });
});

Deno.test("a damaged state in the store is not used, and said to be so", async () => {
  await using store = new MemoryStore();
  const tokens = Array.from({ length: 40 }, (_, i) => 300 + i);
  {
    await using runtime = await load(store);
    await using session = await runtime.session();
    await session.append(tokens);
  }
  const [key] = await keysOf(store, "prompt/");
  const bytes = (await store.get(key!))!;
  await using runtime = await load(store);
  const reuse = async () => {
    await using session = await runtime.session();
    await session.append([...tokens, 5]);
    return session.reuse;
  };
  await store.put(key!, bytes.slice(0, -1));
  const damaged = await reuse();
  assertEquals(damaged.tokens, 0);
  assert(damaged.why!.includes("damaged or cut short"), damaged.why);
  await using other = await load(store);
  await store.put(key!, bytes);
  await using session = await other.session();
  await session.append([...tokens, 6]);
  assertEquals(session.reuse, { tokens: 40 });
});
