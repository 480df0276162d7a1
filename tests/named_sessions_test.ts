import { assert, assertEquals, assertRejects } from "@std/assert";
import type { SessionOptions } from "../src/options.ts";
import type { Runtime } from "../src/runtime.ts";
import type { Session } from "../src/session.ts";
import { StoreError } from "../src/store/store.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { loadFable } from "./fable.ts";
import { Connection } from "./failing_stores.ts";
import { delay, Folder, lacksRedis, RedisServer, STORE_KINDS } from "./stores.ts";
import {
  alone,
  assertRefused,
  openedOnceFree,
  PROMPT,
  SAMPLING,
  SHORT,
  take,
  turn,
  TURNS,
} from "./named_sessions.ts";

for (const { name, missing, start } of STORE_KINDS) {
  Deno.test({
    name: `a session that alternates between two runtimes of a ${name} goes on as one`,
    ignore: missing,
    async fn() {
      const expected = await alone();
      await using ground = await start();
      await using store = await ground.open();
      await using one = await loadFable({ store, prefixCache: 0 });
      await using two = await loadFable({ store, prefixCache: 0 });
      const all: number[][] = [];
      for (const index of TURNS.keys()) {
        const [runtime, other] = index % 2 === 0 ? [one, two] : [two, one];
        await using session = await runtime.session({ id: "alice", exists: index > 0 });
        all.push(await turn(session, index));
        await assertRefused("leased", () => other.session({ id: "alice" }), "another runtime");
        await assertRefused("leased", () => runtime.session({ id: "alice" }), "this runtime");
      }
      assertEquals(all, expected);
      await two.deleteSession("alice");
      assertEquals(await Array.fromAsync(one.namedSessions()), []);
      // What prompts left is apart from sessions.
      const left = (await Array.fromAsync(store.list("session/"))).length;
      assertEquals(left, 0);
    },
  });
}

Deno.test("session() tells whether the id is there and needs a store", async () => {
  await using bare = await loadFable();
  await assertRejects(() => bare.session({ id: "a" }), TypeError, "needs a store");
  await using store = new MemoryStore();
  await using runtime = await loadFable({ store });
  await assertRefused("absent", () => runtime.session({ id: "a", exists: true }), 'session "a"');
  await assertRefused("absent", () => runtime.deleteSession("a"), 'session "a"');
  await assertRefused("absent", () => runtime.storedSession("a"), 'session "a"');
  await (await runtime.session({ id: "a" })).close();
  await assertRefused("exists", () => runtime.session({ id: "a", exists: false }), "already");
  for (const id of ["", "x".repeat(257), "\ud83e", 7 as unknown as string]) {
    await assertRejects(() => runtime.session({ id }), TypeError, "The id of the session");
  }
  await assertRejects(() => runtime.session({ exists: true }), TypeError, "without an id");
  await using again = await runtime.session({ id: "a", exists: true });
  assertEquals([again.id, again.named, again.position], ["a", true, 0]);
  await using other = await runtime.session();
  assertEquals([other.id.length, other.named], [36, false]);
});

Deno.test("close() leaves a session with a name in the store, and delete() does not", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ store });
  const session = await runtime.session({ id: "a" });
  await turn(session, 0);
  const { position } = session;
  const expected = await session.append([]);
  await session.close();
  await using again = await runtime.session({ id: "a" });
  assertEquals([again.position, await again.append([])], [position, expected]);
  await again.delete();
  assertEquals(await Array.fromAsync(store.list("session/")), []);
  await using fresh = await runtime.session({ id: "a" });
  assertEquals(fresh.position, 0);
});

Deno.test("fork() and restore() give the new session a name", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ store, sessions: 3 });
  await using session = await runtime.session({ id: "a" });
  await turn(session, 0);
  await assertRefused("leased", () => session.fork({ id: "a" }), "this runtime");
  const branch = await session.fork({ id: "b" });
  const restored = await runtime.restore(await session.snapshot(), { id: "c" });
  const expected = await turn(session, 1);
  for (const other of [branch, restored]) {
    await other.close();
    await using again = await runtime.session({ id: other.id, exists: true });
    assertEquals(await turn(again, 1), expected);
  }
  const snapshot = await runtime.storedSession("b");
  await assertRefused("exists", () => runtime.restore(snapshot, { id: "c" }), '"c" already');
  const budget: SessionOptions = { attentionBudget: 512 };
  await assertRejects(() => runtime.restore(snapshot, budget), TypeError, "attentionBudget");
});

Deno.test("namedSessions() tells where each session is", async () => {
  await using store = new MemoryStore();
  await using one = await loadFable({ store });
  await using two = await loadFable({ store });
  await using open = await one.session({ id: "open" });
  await turn(open, 0);
  await using parked = await one.session({ id: "parked" });
  await parked.park();
  await using other = await two.session({ id: "other" });
  await other.park();
  await using _unnamed = await two.session();
  const states = async (runtime: Runtime) => {
    const all = await Array.fromAsync(runtime.namedSessions());
    for (const { bytes, usedAt } of all) assert(bytes > 0 && usedAt <= Date.now() + 1);
    return Object.fromEntries(all.map(({ id, state }) => [id, state]));
  };
  await open.park();
  await open.append([]);
  assertEquals(await states(one), { open: "open", parked: "parked", other: "stored" });
  assertEquals(await states(two), { open: "stored", parked: "stored", other: "parked" });
});

Deno.test("a session is saved after each turn, and the next turn waits for it", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ store });
  await using session = await runtime.session({ id: "a" });
  for (const index of [0, 1]) {
    await turn(session, index);
    // Whatever comes next begins after the turn before is saved.
    await session.snapshot();
    await using stored = await runtime.restore(await runtime.storedSession("a"));
    assertEquals(stored.position, session.position);
  }
});

Deno.test("a store that is away costs no turn and is told by park() and close()", async () => {
  await using store = new MemoryStore();
  const connection = new Connection(store);
  await using runtime = await loadFable({ store: connection });
  const session = await runtime.session({ id: "a" });
  const ids = [await turn(session, 0)];
  await session.park();
  connection.fails = true;
  ids.push(await turn(session, 1));
  await assertRejects(() => session.park(), StoreError, "The store is away");
  assertEquals(session.parked, false);
  connection.fails = false;
  ids.push(await turn(session, 2));
  await session.park();
  connection.fails = true;
  ids.push(await turn(session, 3));
  await assertRejects(() => session.close(), StoreError, "The store is away");
  assertEquals(ids, await alone());
  // Its slot and its name are free; it is where it was before the last turn.
  connection.fails = false;
  await using again = await runtime.session({ id: "a", exists: true });
  assertEquals(await turn(again, 3), ids[3]);
});

Deno.test("a runtime that was silent for too long does not go on and writes nothing", async () => {
  const expected = await alone();
  await using store = new MemoryStore();
  const connection = new Connection(store);
  await using slow = await loadFable({ store: connection, leaseTime: SHORT });
  await using other = await loadFable({ store, leaseTime: SHORT });
  await using session = await slow.session({ id: "a" });
  await turn(session, 0);
  await session.snapshot();
  connection.cut = true;
  await using next = await openedOnceFree(other, "a");
  // It comes back, and finds that its lease has gone.
  connection.cut = false;
  assertEquals(await turn(next, 1), expected[1]);
  await assertRefused("lost", () => turn(session, 1), "goes on at another runtime");
  await assertRefused("lost", () => session.append([1]), `its lease of ${SHORT} ms`);
  assertEquals(await turn(next, 2), expected[2]);
});

Deno.test("a turn that ends after its lease was lost is not saved", async () => {
  const expected = await alone();
  await using store = new MemoryStore();
  const connection = new Connection(store);
  await using slow = await loadFable({ store: connection, leaseTime: SHORT });
  await using other = await loadFable({ store, leaseTime: SHORT });
  const session = await slow.session({ id: "a" });
  await turn(session, 0);
  await session.append(TURNS[1]!, { logits: "none" });
  const late = session.generate({ ...SAMPLING, maxTokens: 12 });
  await late.next();
  connection.cut = true;
  await using next = await openedOnceFree(other, "a");
  const start = next.position;
  const rest = await Array.fromAsync(late);
  assertEquals(rest.length, 11);
  await assertRefused("lost", () => session.close(), "goes on at another runtime");
  assertEquals([next.position, await take(next, 12)], [start, expected[1]]);
});

Deno.test({
  name: "a node that is killed in the middle of a turn loses that turn alone",
  ignore: lacksRedis(),
  async fn() {
    const expected = await alone();
    await using redis = await RedisServer.start();
    const code = `
      import { loadFable } from "./tests/fable.ts";
      import { RedisStore } from "./src/store/redis.ts";
      const store = await RedisStore.open("${redis.url}");
      const runtime = await loadFable({ store, leaseTime: ${SHORT} });
      const session = await runtime.session({ id: "a" });
      await session.append(${JSON.stringify(PROMPT)});
      const options = ${JSON.stringify({ ...SAMPLING, seed: 3 })};
      for await (const _ of session.generate({ ...options, maxTokens: 12 }));
      await session.append(${JSON.stringify(TURNS[1])});
      for await (const { id } of session.generate(options)) console.log(id);`;
    const process = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", "--ext=ts", code],
      cwd: new URL("..", import.meta.url),
      stdout: "piped",
    }).spawn();
    let lines = "";
    let killed = false;
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      lines += text;
      if (killed || lines.split("\n").length < 4) continue;
      process.kill("SIGKILL");
      killed = true;
    }
    assertEquals((await process.status).signal, "SIGKILL");
    await using store = await redis.open();
    await using runtime = await loadFable({ store, leaseTime: SHORT });
    await using session = await openedOnceFree(runtime, "a");
    // The append was a turn of its own; what was generated after it is gone.
    assertEquals(await take(session, 12), expected[1]);
  },
});

Deno.test("what a runtime that died has parked makes room once its lease has ended", async () => {
  await using probe = await loadFable();
  await using session = await probe.session();
  const { length } = await session.snapshot();
  await using store = new MemoryStore({ maxBytes: 1.5 * length });
  const connection = new Connection(store);
  await using runtime = await loadFable({ store: connection, leaseTime: SHORT });
  await using parked = await runtime.session();
  await parked.append([300]);
  await parked.park();
  const put = () => store.put("other", new Uint8Array(length));
  await assertRejects(put, StoreError, "kept or leased");
  connection.cut = true;
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (await put().then(() => true, () => false)) break;
    await delay(10);
  }
  const keys = (await Array.fromAsync(store.list())).map(({ key }) => key);
  assertEquals(keys, ["other"]);
});

Deno.test("sessions with names take turns in the slots that there are", async () => {
  const expected = await alone();
  await using folder = new Folder();
  const { SqliteStore } = await import("../src/store/sqlite.ts");
  await using store = new SqliteStore(`${folder.path}/store.db`);
  await using runtime = await loadFable({ store, sessions: 2 });
  const sessions: Session[] = [];
  for (const id of ["a", "b", "c", "d"]) sessions.push(await runtime.session({ id, wait: true }));
  for (const index of TURNS.keys()) {
    const all = await Promise.all(sessions.map((session) => turn(session, index)));
    for (const ids of all) assertEquals(ids, expected[index]);
  }
});
