import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import OpenAI from "openai";
import { createServer } from "../src/server/app.ts";
import {
  createKey,
  findKey,
  readKeys,
  type Scope,
  writeKeys,
} from "../src/server/operation/api_keys.ts";
import type { LogEntry } from "../src/server/operation/log.ts";
import { contrail } from "./contrail.ts";
import { loadFable } from "./fable.ts";
import { type Json, Loopback, post } from "./http.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { Folder } from "./stores.ts";

const COMPLETIONS = "/v1/completions";
const SHORT = { prompt: "Once", max_tokens: 2 };

function bearer(text: string): RequestInit {
  return { headers: { "Content-Type": "application/json", Authorization: `Bearer ${text}` } };
}

/** A file with a key for each list of scopes; their texts are returned. */
function keysFor(path: string, ...scopes: Scope[][]): string[] {
  const made = scopes.map((list, i) => createKey(`key-${i}`, list));
  writeKeys(path, made.map(({ key }) => key));
  return made.map(({ text }) => text);
}

Deno.test("createKey() makes a text of random bits, of which the key has the hash", async () => {
  const { text, key } = createKey("alice", ["infer", "infer"]);
  assertMatch(text, /^ct-[\w-]{43}$/);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  assertEquals(key.sha256, new Uint8Array(digest).toHex());
  assertEquals([key.name, key.scopes], ["alice", ["infer"]]);
  assert(!JSON.stringify(key).includes(text));
  assert(createKey("alice", ["infer"]).text !== text);
  assertThrows(() => createKey("a b", ["infer"]), TypeError, '"a b"');
});

Deno.test("findKey() finds the key of a text, and none for another", () => {
  const [one, two] = [createKey("one", ["infer"]), createKey("two", ["infer"])];
  const keys = [one.key, two.key];
  assertEquals(findKey(keys, two.text)?.name, "two");
  assertEquals(findKey(keys, two.text.slice(0, -1)), undefined);
  assertEquals(findKey(keys, two.key.sha256), undefined);
});

Deno.test("readKeys() names the line that is wrong", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/keys`;
  const { key } = createKey("alice", ["infer"]);
  const wrong: [line: string, words: string][] = [
    ["{", ":2 is not JSON"],
    ["{}", ":2 is no key: name"],
    [JSON.stringify({ ...key, scopes: ["all"] }), ":2 is no key: scopes.0"],
    [JSON.stringify(key), 'two keys named "alice"'],
  ];
  for (const [line, words] of wrong) {
    await Deno.writeTextFile(path, `${JSON.stringify(key)}\n${line}\n`);
    await assertRejects(() => readKeys(path), Error, words);
  }
  await assertRejects(() => readKeys(folder.path), Error, `Cannot read the keys in ${folder.path}`);
});

Deno.test("createServer() lets in who has a key with the scope of the route", async () => {
  await using folder = new Folder();
  const keys = `${folder.path}/keys`;
  const [infer, sessions] = keysFor(keys, ["infer"], ["sessions"]);
  await using store = new MemoryStore();
  await using runtime = await loadFable({ store });
  const entries: LogEntry[] = [];
  const app = createServer(runtime, { keys, log: (entry) => entries.push(entry) });
  const tell = async (path: string, init: RequestInit): Promise<[number, string | undefined]> => {
    const response = await app.request(path, init);
    const answer: Json = await response.json();
    if (response.status === 401) assertEquals(response.headers.get("WWW-Authenticate"), "Bearer");
    return [response.status, answer.error?.code];
  };
  assertEquals(await tell(COMPLETIONS, post(SHORT)), [401, "no_api_key"]);
  assertEquals(await tell(COMPLETIONS, post(SHORT, bearer("ct-x"))), [401, "invalid_api_key"]);
  assertEquals(await tell(COMPLETIONS, post(SHORT, bearer(infer!))), [200, undefined]);
  assertEquals(await tell(COMPLETIONS, post(SHORT, bearer(sessions!))), [
    403,
    "insufficient_scope",
  ]);
  assertEquals(await tell("/v1/sessions", bearer(infer!)), [403, "insufficient_scope"]);
  assertEquals(await tell("/v1/sessions", bearer(sessions!)), [200, undefined]);
  assertEquals(await tell("/v1/models", {}), [401, "no_api_key"]);
  assertEquals(await tell("/health", {}), [200, undefined]);
  const body = post("x".repeat(5 * 2 ** 20), bearer("ct-x"));
  assertEquals(await tell(COMPLETIONS, body), [401, "invalid_api_key"]);
  assertEquals(
    entries.map(({ status, key }) => `${status} ${key}`).slice(0, 4),
    ["401 undefined", "401 undefined", "200 key-0", "403 key-1"],
  );
});

Deno.test("OpenAI gets in with a key, and comes again when it came too often", async () => {
  await using folder = new Folder();
  const keys = `${folder.path}/keys`;
  const [infer] = keysFor(keys, ["infer"]);
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime, { keys, requestsPerMinute: 15 }));
  const baseURL = `${server.url}/v1`;
  const stranger = new OpenAI({ baseURL, apiKey: "ct-x", maxRetries: 0 });
  await assertRejects(() => stranger.models.retrieve("fable"), OpenAI.AuthenticationError);
  const client = new OpenAI({ baseURL, apiKey: infer!, maxRetries: 0 });
  const answers = await Promise.allSettled(
    Array.from({ length: 16 }, () => client.models.retrieve("fable")),
  );
  const refused = answers.filter(({ status }) => status === "rejected");
  assert(refused.length >= 1);
  assert((refused[0] as PromiseRejectedResult).reason instanceof OpenAI.RateLimitError);
  const patient = new OpenAI({ baseURL, apiKey: infer!, maxRetries: 2 });
  assertEquals((await patient.models.retrieve("fable")).id, "fable");
});

Deno.test("createServer() sees keys come and go, and their file as well", async () => {
  await using folder = new Folder();
  const keys = `${folder.path}/keys`;
  const [first] = keysFor(keys, ["infer"]);
  await using runtime = await loadFable();
  const app = createServer(runtime, { keys });
  const status = async (text: string) => (await app.request("/v1/models", bearer(text))).status;
  assertEquals(await status(first!), 200);
  const [second] = keysFor(keys, ["infer"], ["infer"]);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assertEquals([await status(first!), await status(second!)], [401, 200]);
  await Deno.remove(keys);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assertEquals(await status(second!), 500);
});

Deno.test("contrail keys adds, lists and removes keys", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/keys`;
  const keys = (...args: string[]) => contrail(["keys", ...args, "--keys", path]);
  const { code, stdout: text } = await keys("add", "alice", "--scopes", "infer,admin");
  assertEquals(code, 0);
  const [stored] = await readKeys(path);
  assertEquals(findKey([stored!], text)?.scopes, ["infer", "admin"]);
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
  assert(!(await Deno.readTextFile(path)).includes(text));
  const json: Json = JSON.parse((await keys("add", "bob", "--json")).stdout);
  assertEquals([json.name, json.scopes], ["bob", ["infer", "sessions"]]);
  const listed: Json = JSON.parse((await keys("list", "--json")).stdout);
  assertEquals(listed.map(({ name }: Json) => name), ["alice", "bob"]);
  assertMatch((await keys("list")).stdout, /^alice {2}\d{4}-\d\d-\d\d {2}infer,admin\nbob {4}/);
  assertEquals((await keys("add", "bob")).code, 1);
  assertEquals((await keys("remove", "alice")).code, 0);
  assertEquals((await keys("remove", "alice")).code, 1);
  assertEquals((await readKeys(path)).map(({ name }) => name), ["bob"]);
  for (const wrong of [["add"], ["list", "x"], ["add", "x", "--scopes", "all"], ["add", "a b"]]) {
    assertEquals((await keys(...wrong)).code, 2, wrong.join(" "));
  }
  const absent = `${folder.path}/absent/keys`;
  const missing: [args: string[], words: string][] = [
    [["keys", "add", "bob"], `Cannot write ${absent}: there is no such folder`],
    [["keys", "list"], `There is no file ${absent}: "contrail keys add" makes it`],
    [["serve"], `There is no file ${absent}: "contrail keys add" makes it`],
  ];
  for (const [args, words] of missing) {
    const { code, stderr } = await contrail([...args, "--keys", absent]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, words);
  }
});

Deno.test("contrail serve needs keys, or --insecure, to listen for other machines", async () => {
  for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.com", "127.example.com"]) {
    const { code, stderr } = await contrail(["serve", "--host", host, "--model", "/absent"]);
    assertEquals(code, 2);
    assertMatch(stderr, /nobody needs a key: pass --keys FILE/);
  }
  // These go on to the next fault: there is no such model, or no such address.
  for (const args of [["--host", "::1"], ["--host", "localhost"], ["--host", "::", "--insecure"]]) {
    const all = ["serve", ...args, "--port", "0", "--model", "/absent"];
    const { code, stderr } = await contrail(all);
    assertEquals([code, /\/absent|Cannot listen/.test(stderr)], [1, true], stderr);
  }
  const { code, stderr } = await contrail(["serve", "--keys", "/absent/keys"]);
  assertEquals([code, stderr.includes("/absent/keys")], [1, true]);
});
