import { assert, assertEquals, assertThrows } from "@std/assert";
import { createServer } from "../src/server/app.ts";
import { createKey, writeKeys } from "../src/server/operation/api_keys.ts";
import { RateLimit } from "../src/server/operation/rate_limit.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { contrail } from "./contrail.ts";
import { loadFable } from "./fable.ts";
import { ask, type Json, Loopback, post } from "./http.ts";
import { sessionIsFree, watched } from "./sessions.ts";
import { Folder } from "./stores.ts";

const COMPLETIONS = "/v1/completions";
const SHORT = { prompt: "Once", max_tokens: 2 };
const ENDLESS = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 100_000 };

Deno.test("RateLimit lets as many through as a minute has, and fills up evenly", () => {
  const limit = new RateLimit(3);
  const take = (client: string, seconds: number) => limit.take(client, seconds * 1000);
  for (const _ of [1, 2, 3]) take("a", 0);
  assertThrows(() => take("a", 0), Error, "try again in 20 s");
  take("b", 0);
  assertThrows(() => take("a", 19), Error, "try again in 1 s");
  take("a", 20);
  assertThrows(() => take("a", 20), Error, "try again in 20 s");
  // However long nothing came, a minute's requests are the most.
  for (const _ of [1, 2, 3]) take("a", 500);
  assertThrows(() => take("a", 500), Error, "3 requests a minute");
  assertThrows(() => new RateLimit(0), RangeError, "is 0");
});

Deno.test("createServer() counts the requests of each key", async () => {
  await using folder = new Folder();
  const keys = `${folder.path}/keys`;
  const made = ["one", "two"].map((name) => createKey(name, ["infer"]));
  writeKeys(keys, made.map(({ key }) => key));
  await using runtime = await loadFable();
  const app = createServer(runtime, { keys, requestsPerMinute: 2 });
  const ask = (index: number) =>
    app.request("/v1/models", { headers: { Authorization: `Bearer ${made[index]!.text}` } });
  assertEquals((await ask(0)).status, 200);
  assertEquals((await ask(0)).status, 200);
  const refused = await ask(0);
  const { error }: Json = await refused.json();
  assertEquals([refused.status, error.type, error.code], [
    429,
    "rate_limit_error",
    "rate_limit_exceeded",
  ]);
  assert(Number(refused.headers.get("Retry-After")) >= 1);
  assertEquals((await ask(1)).status, 200);
  assertEquals((await app.request("/health")).status, 200);
});

Deno.test("createServer() ends an answer that has no limit at the trained length", async () => {
  await using store = new MemoryStore();
  await using runtime = await loadFable({ store });
  const app = createServer(runtime);
  const { maxPositions } = runtime.config;
  const input = "word ".repeat(maxPositions - 60);
  const messages = [{ role: "user", content: input }];
  const chat = await ask(app, "/v1/chat/completions", { messages, ignore_eos: true });
  assertEquals(chat.usage.total_tokens, maxPositions);
  assertEquals(chat.choices[0].finish_reason, "length");
  const response = await ask(app, "/v1/responses", { input, ignore_eos: true });
  assertEquals(response.usage.total_tokens, maxPositions);
  assertEquals(response.incomplete_details, { reason: "max_output_tokens" });
  await ask(app, "/v1/sessions", { id: "a" });
  await ask(app, "/v1/sessions/a/append", { text: input });
  const generated = await ask(app, "/v1/sessions/a/generate", { ignore_eos: true });
  assertEquals([generated.position, generated.finish_reason], [maxPositions, "length"]);
  const beyond = { messages: [{ role: "user", content: input.repeat(2) }] };
  for (
    const [path, body] of [
      ["/v1/chat/completions", beyond],
      ["/v1/sessions/a/generate", {}],
    ] as const
  ) {
    const refused = await ask(app, path, body);
    assertEquals(refused.error.code, "context_length_exceeded");
    assert(!("error" in await ask(app, path, { ...body, max_tokens: 1 })));
  }
});

Deno.test("createServer() gives no answer more tokens than maxTokens", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime, { maxTokens: 3 });
  for (const max_tokens of [undefined, 2, 50]) {
    const { choices, usage } = await ask(app, COMPLETIONS, { ...ENDLESS, max_tokens });
    assertEquals(choices[0].finish_reason, "length");
    assertEquals(usage.completion_tokens, Math.min(max_tokens ?? 3, 3));
  }
  const messages = [{ role: "user", content: "Hello" }];
  const chat = await ask(app, "/v1/chat/completions", { messages, ignore_eos: true });
  assertEquals(chat.usage.completion_tokens, 3);
});

Deno.test("createServer() answers with 429 when too many wait for a session", async () => {
  await using runtime = await loadFable({ sessions: 1, queue: 1 });
  const app = createServer(runtime);
  const running = await runtime.session();
  const waiting = runtime.session({ wait: true });
  const refused = await app.request(COMPLETIONS, post(SHORT));
  const { error }: Json = await refused.json();
  assertEquals([refused.status, error.code], [429, "queue_full"]);
  assertEquals(refused.headers.get("Retry-After"), "1");
  await running.close();
  await (await waiting).close();
  assertEquals((await app.request(COMPLETIONS, post(SHORT))).status, 200);
});

Deno.test("createServer() lets pages of listed origins ask, and no others", async () => {
  await using folder = new Folder();
  const keys = `${folder.path}/keys`;
  writeKeys(keys, []);
  await using runtime = await loadFable();
  const app = createServer(runtime, { keys, cors: ["https://a.example", "http://b.example:3000"] });
  const from = async (Origin: string, init: RequestInit = {}) => {
    const response = await app.request(COMPLETIONS, { ...init, headers: { Origin } });
    await response.body?.cancel();
    return [response.status, response.headers.get("Access-Control-Allow-Origin")];
  };
  const preflight = { method: "OPTIONS" };
  assertEquals(await from("https://a.example", preflight), [204, "https://a.example"]);
  assertEquals(await from("http://b.example:3000", preflight), [204, "http://b.example:3000"]);
  assertEquals(await from("https://c.example", preflight), [204, null]);
  // A page may read why it is refused.
  assertEquals(await from("https://a.example", { method: "POST" }), [401, "https://a.example"]);
  assertEquals(await from("https://c.example", { method: "POST" }), [401, null]);
  const closed = await createServer(runtime).request(COMPLETIONS, preflight);
  assertEquals([closed.status, closed.headers.get("Access-Control-Allow-Origin")], [405, null]);
  await closed.body?.cancel();
});

Deno.test("createServer() lets pages send what OpenAI's client adds", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime, { cors: ["*"] });
  const asked = "authorization,content-type,x-stainless-lang,x-stainless-retry-count";
  const preflight = await app.request(COMPLETIONS, {
    method: "OPTIONS",
    headers: { "Origin": "https://a.example", "Access-Control-Request-Headers": asked },
  });
  assertEquals(preflight.headers.get("Access-Control-Allow-Headers"), asked);
  const answer = await app.request("/health", { headers: { "Origin": "https://a.example" } });
  await answer.body?.cancel();
  const exposed = answer.headers.get("Access-Control-Expose-Headers")?.split(",") ?? [];
  for (const name of ["Retry-After", "Session-Position", "Session-Bytes", "Session-Exact"]) {
    assert(exposed.includes(name), name);
  }
});

Deno.test("createServer() does not wait for a body that does not come", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime, { idleTimeout: 50 }));
  const url = new URL(server.url);
  for (const header of ["Content-Length: 100", "Transfer-Encoding: chunked"]) {
    using socket = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
    const head = [`POST ${COMPLETIONS} HTTP/1.1`, "Host: x", "Content-Type: application/json"];
    const text = `${[...head, header].join("\r\n")}\r\n\r\n`;
    await socket.write(new TextEncoder().encode(text));
    const bytes = new Uint8Array(4096);
    const answer = new TextDecoder().decode(bytes.subarray(0, await socket.read(bytes) ?? 0));
    assertEquals([answer.split("\r\n")[0], answer.includes("body_timeout")], [
      "HTTP/1.1 408 Request Timeout",
      true,
    ]);
  }
});

Deno.test("createServer() frees the session of a client that reads no more", async () => {
  await using loaded = await loadFable({ sessions: 1 });
  const { runtime, ends } = watched(loaded);
  const app = createServer(runtime, { idleTimeout: 50 });
  const response = await app.request(COMPLETIONS, post({ ...ENDLESS, stream: true }));
  const reader = response.body!.getReader();
  await reader.read();
  await sessionIsFree(loaded);
  assertEquals(ends, ["left"]);
  await reader.read().then(() => assert(false), ({ message }) => {
    assertEquals(message, "Nobody has read for 50 ms");
  });
});

Deno.test("contrail serve tells which of its limits is wrong", async () => {
  const wrong: [args: string[], words: string][] = [
    [["--cors", "example.com"], '--cors is "example.com"'],
    [["--cors", "https://example.com/"], "pass an origin"],
    [["--rate-limit", "0"], "1 or more"],
    [["--max-body", "much"], "pass bytes"],
    [["--idle-timeout", "-1"], "--idle-timeout"],
    [["--queue", "x"], "--queue"],
  ];
  for (const [args, words] of wrong) {
    const { code, stderr } = await contrail(["serve", ...args]);
    assertEquals([code, stderr.includes(words)], [2, true], stderr);
  }
});
