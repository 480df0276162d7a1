import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Hono } from "hono";
import { createServer } from "../src/server/app.ts";
import { createKey, writeKeys } from "../src/server/operation/api_keys.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { Connection } from "./failing_stores.ts";
import { GREEDY_IDS, loadFable, PROMPT_IDS } from "./fable.ts";
import { ask, chunks, type Json, post } from "./http.ts";
import { Folder } from "./stores.ts";

const SESSIONS = "/v1/sessions";
const PROMPT = "Once upon a time";
const GREEDY = { temperature: 0, ignore_eos: true };

async function get(app: Hono, path: string): Promise<Json> {
  return await (await app.request(path)).json();
}

/** The code of the error that a request is answered with, after its status. */
async function refusal(response: Response | Promise<Response>): Promise<string> {
  const given = await response;
  const answer: Json = await given.json();
  return `${given.status} ${answer.error.code}`;
}

/** A session that holds the prompt. */
async function begun(app: Hono, id: string): Promise<Json> {
  await ask(app, SESSIONS, { id });
  return await ask(app, `${SESSIONS}/${id}/append`, { text: PROMPT });
}

Deno.test("the routes of sessions go on from request to request", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ sessions: 1, store });
  const app = createServer(runtime);
  const created = await ask(app, SESSIONS, { id: "alice", attention_budget: 256 });
  assertEquals(created, {
    id: "alice",
    object: "session",
    position: 0,
    bytes: runtime.memory.session,
    exact: true,
  });
  const appended = await ask(app, `${SESSIONS}/alice/append`, { text: PROMPT });
  const length = runtime.tokenizer!.encode(PROMPT).length;
  assertEquals([appended.appended, appended.position], [length, length]);
  const half = GREEDY_IDS.length / 2;
  const path = `${SESSIONS}/alice/generate`;
  const first = await ask(app, path, { ...GREEDY, max_tokens: half });
  assertEquals([first.finish_reason, first.position], ["length", length + half]);
  const body = { ...GREEDY, max_tokens: half, stream: true };
  const second = await chunks(await app.request(path, post(body)));
  assertEquals(second.at(-1).finish_reason, "length");
  const ids = [...first.token_ids, ...second.flatMap(({ token_ids }) => token_ids)];
  assertEquals(ids, GREEDY_IDS);
  assertEquals((await get(app, `${SESSIONS}/alice`)).position, length + 2 * half);
});

Deno.test("tokens() gives the latest ids that a session holds", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ sessions: 1, store });
  const app = createServer(runtime);
  const { position } = await begun(app, "a");
  await ask(app, `${SESSIONS}/a/generate`, { ...GREEDY, max_tokens: 4 });
  const { first, token_ids, ...facts } = await get(app, `${SESSIONS}/a/tokens`);
  assertEquals(first, 0);
  assertEquals(token_ids, [...PROMPT_IDS, ...GREEDY_IDS.slice(0, 4)]);
  assertEquals([facts.id, facts.position], ["a", position + 4]);
});

Deno.test("logits() gives the largest ones with their tokens, or all as bytes", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ sessions: 1, store });
  const app = createServer(runtime);
  const { position, bytes } = await begun(app, "a");
  const { logits } = await ask(app, `${SESSIONS}/a/logits`, { top: 3 });
  assertEquals(logits.length, 3);
  assertEquals(logits[0].id, GREEDY_IDS[0]);
  const all = await app.request(`${SESSIONS}/a/logits`, post({ format: "f32" }));
  assertEquals(toldInHeaders(all), [`${position}`, `${bytes}`, "true"]);
  const values = new Float32Array(await all.arrayBuffer());
  assertEquals(values.length, runtime.config.vocabularySize);
  assertEquals(values[logits[1].id], Math.fround(logits[1].logit));
});

Deno.test("fork, rewind and a snapshot's way out and in lead to the same tokens", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ sessions: 1, store });
  const app = createServer(runtime);
  const { position, bytes: size } = await begun(app, "a");
  const generate = (id: string) =>
    ask(app, `${SESSIONS}/${id}/generate`, { ...GREEDY, max_tokens: GREEDY_IDS.length });
  assertEquals((await ask(app, `${SESSIONS}/a/fork`, { id: "b" })).position, position);
  assertEquals((await generate("b")).token_ids, GREEDY_IDS);
  assertEquals((await ask(app, `${SESSIONS}/b/rewind`, { position })).position, position);
  assertEquals((await generate("b")).token_ids, GREEDY_IDS);
  const download = await app.request(`${SESSIONS}/a/snapshot`);
  assertEquals(toldInHeaders(download), [`${position}`, `${size}`, "true"]);
  const bytes = await download.arrayBuffer();
  const upload = await app.request(`${SESSIONS}/c/snapshot`, { method: "PUT", body: bytes });
  assertEquals((await upload.json()).position, position);
  assertEquals((await generate("c")).token_ids, GREEDY_IDS);
  const { data } = await get(app, SESSIONS);
  assertEquals(data.map(({ id }: Json) => id).sort(), ["a", "b", "c"]);
  const deleted = await app.request(`${SESSIONS}/c`, { method: "DELETE" });
  assertEquals(await deleted.json(), { id: "c", object: "session", deleted: true });
  assertEquals(await refusal(app.request(`${SESSIONS}/c`)), "404 session_not_found");
});

Deno.test("park() frees the slot of a session that nobody uses", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ sessions: 1, store });
  const app = createServer(runtime);
  const { position, bytes } = await begun(app, "a");
  const park = (id: string) => app.request(`${SESSIONS}/${id}/park`, { method: "POST" });
  const session = await runtime.session({ id: "a" });
  assertEquals((await get(app, SESSIONS)).data[0].state, "open");
  const parked: Json = await (await park("a")).json();
  assertEquals(parked, { id: "a", object: "session", position, bytes, exact: true });
  assertEquals([session.parked, (await get(app, SESSIONS)).data[0].state], [true, "parked"]);
  assertEquals(runtime.activity.open, 0);
  const running = session.generate({ ignoreEos: true });
  await running.next();
  assertEquals(await refusal(park("a")), "409 session_in_use");
  await running.return();
  await session.close();
  assertEquals((await park("a")).status, 200);
  assertEquals(await refusal(park("b")), "404 session_not_found");
});

Deno.test("createServer() lets each key have as many sessions as it may", async () => {
  await using folder = new Folder();
  const made = ["one", "two"].map((name) => createKey(name, ["sessions"]));
  const keys = `${folder.path}/keys`;
  writeKeys(keys, made.map(({ key }) => key));
  await using store = new MemoryStore();
  await using runtime = await loadFable({ sessions: 4, store });
  const app = createServer(runtime, { keys, sessionsPerKey: 2 });
  const send = (key: number, method: string, path: string, body?: BodyInit) =>
    app.request(`${SESSIONS}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${made[key]!.text}`,
        "Content-Type": "application/json",
      },
      ...(body ? { body } : {}),
    });
  const begin = (key: number, id: string) => send(key, "POST", "", JSON.stringify({ id }));
  // Of several at once, none too many are begun.
  const statuses = (await Promise.all(["a", "b", "c", "d"].map((id) => begin(0, id))))
    .map(({ status }) => status);
  const begun = statuses.filter((status) => status === 200).length;
  assert(begun <= 2, `${statuses}`);
  for (let i = begun; i < 2; i++) assertEquals((await begin(0, `more${i}`)).status, 200);
  const refused = await begin(0, "e");
  assertEquals(refused.headers.get("X-Should-Retry"), "false");
  assertEquals(await refusal(refused), "429 too_many_sessions");
  const { data }: Json = await (await send(0, "GET", "")).json();
  assertEquals([data.length, data[0].bytes], [2, runtime.memory.session]);
  const fork = `/${data[0].id}/fork`;
  assertEquals(await refusal(send(0, "POST", fork, "{}")), "429 too_many_sessions");
  assertEquals((await send(1, "POST", fork, "{}")).status, 200);
  assertEquals((await send(1, "DELETE", `/${data[0].id}`)).status, 200);
  assertEquals((await begin(0, "e")).status, 200);
  assertEquals(runtime.activity.open, 0);
});

Deno.test("POST /v1/sessions keeps no session that the store cannot count", async () => {
  await using memory = new MemoryStore();
  const store = new Connection(memory);
  await using runtime = await loadFable({ sessions: 1, store });
  const app = createServer(runtime, { sessionsPerKey: 1 });
  store.fails = true;
  const failed = await app.request(SESSIONS, post({ id: "a" }));
  assertEquals(await refusal(failed), "503 store_failed");
  assertEquals(runtime.activity.open, 0);
  store.fails = false;
  assertEquals((await ask(app, SESSIONS, { id: "a" })).id, "a");
});

/** A store in which all was done an hour ago. */
class OldStore extends MemoryStore {
  override async *list(prefix?: string): ReturnType<MemoryStore["list"]> {
    for await (const entry of super.list(prefix)) {
      yield { ...entry, usedAt: entry.usedAt - 3_600_000 };
    }
  }
}

Deno.test("POST /v1/sessions counts no session that is not there any more", async () => {
  for (const [store, counted] of [[new MemoryStore(), true], [new OldStore(), false]] as const) {
    await using runtime = await loadFable({ sessions: 1, store });
    const app = createServer(runtime, { sessionsPerKey: 1 });
    await begun(app, "a");
    const refused = await app.request(SESSIONS, post({ id: "b" }));
    assertEquals(await refusal(refused), "429 too_many_sessions");
    // As where its server dies before it is in the store.
    await runtime.deleteSession("a");
    const { status } = await app.request(SESSIONS, post({ id: "b" }));
    assertEquals(status, counted ? 429 : 200);
  }
});

Deno.test("two servers go on with one session in turns", async () => {
  await using store = new MemoryStore();
  await using one = await loadFable({ sessions: 1, store });
  await using two = await loadFable({ sessions: 1, store });
  const apps = [createServer(one), createServer(two)];
  await begun(apps[0]!, "a");
  const ids: number[] = [];
  for (let i = 0; i < GREEDY_IDS.length; i++) {
    const path = `${SESSIONS}/a/generate`;
    ids.push(...(await ask(apps[i % 2]!, path, { ...GREEDY, max_tokens: 1 })).token_ids);
  }
  assertEquals(ids, GREEDY_IDS);
});

Deno.test("a session in use is refused elsewhere, and one that was left goes on", async () => {
  await using store = new MemoryStore();
  await using one = await loadFable({ sessions: 1, store });
  await using two = await loadFable({ sessions: 1, store });
  const app = createServer(one);
  await begun(app, "a");
  const leaving = new AbortController();
  const body = { ...GREEDY, max_tokens: 4000, stream: true };
  const init = post(body, { signal: leaving.signal });
  const response = await app.request(`${SESSIONS}/a/generate`, init);
  const reader = response.body!.getReader();
  assertStringIncludes(new TextDecoder().decode((await reader.read()).value), "data: ");
  for (const runtime of [one, two]) {
    const other = await createServer(runtime).request(`${SESSIONS}/a/logits`, post({}));
    assertEquals(other.headers.get("Retry-After"), "1");
    assertEquals(await refusal(other), "409 session_in_use");
  }
  leaving.abort();
  await reader.cancel();
  let status = 409;
  let answer: Json;
  while (status === 409) {
    const next = await createServer(two).request(`${SESSIONS}/a/logits`, post({}));
    [status, answer] = [next.status, await next.json()];
  }
  assert(answer.position > one.tokenizer!.encode(PROMPT).length, JSON.stringify(answer));
});

Deno.test("the routes of sessions refuse what they cannot do", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ sessions: 1, store });
  const app = createServer(runtime);
  await begun(app, "a");
  const asked = (path: string, body: unknown) =>
    refusal(app.request(`${SESSIONS}${path}`, post(body)));
  assertEquals(await asked("", { id: "a" }), "409 session_exists");
  assertEquals(await asked("", { id: "../a" }), "400 invalid_value");
  assertEquals(await asked("", { attention_budget: 1e6 }), "400 invalid_value");
  assertEquals(await asked("", { attention_budget: 1 }), "400 invalid_value");
  assertEquals(await asked("/b/generate", {}), "404 session_not_found");
  assertEquals(await asked("/a/append", { text: "a", token_ids: [1] }), "400 null");
  assertEquals(await asked("/a/append", { token_ids: [1e6] }), "400 null");
  assertEquals(await asked("/a/rewind", { position: 1000 }), "400 invalid_value");
  await ask(app, SESSIONS, { id: "empty" });
  assertEquals(await asked("/empty/generate", {}), "400 session_empty");
  const damaged = { method: "PUT", body: new Uint8Array(1000) };
  const upload = await app.request(`${SESSIONS}/d/snapshot`, damaged);
  assertEquals(upload.status, 400);
  await upload.body?.cancel();
  await using bare = await loadFable({ sessions: 1 });
  assertEquals(await refusal(createServer(bare).request(SESSIONS, post({}))), "501 no_store");
  // Nothing of it has taken the only slot.
  assertEquals((await ask(app, `${SESSIONS}/a/logits`, {})).object, "session");
});

/** Position, bytes and exactness, as answers of bytes tell them. */
function toldInHeaders({ headers }: Response): (string | null)[] {
  return ["Position", "Bytes", "Exact"].map((name) => headers.get(`Session-${name}`));
}
