import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Hono } from "hono";
import { createServer } from "../src/server/app.ts";
import type { LogEntry } from "../src/server/operation/log.ts";
import { GREEDY_IDS, loadFable } from "./fable.ts";
import { ask, chunks, type Json, Loopback, post } from "./http.ts";
import { sessionIsFree, sessionsAreTaken, watched } from "./sessions.ts";

const COMPLETIONS = "/v1/completions";
const ENDLESS = { prompt: "Once upon a time", ignore_eos: true, max_tokens: 4000 };
const GREEDY = { prompt: "Once upon a time", temperature: 0, max_tokens: 8 };

Deno.test("completions() frees its session when a streaming client leaves", async () => {
  await using loaded = await loadFable({ sessions: 1 });
  const { runtime, ends } = watched(loaded);
  const lines: string[] = [];
  const log = ({ event, route, stream }: LogEntry) => lines.push(`${event} ${route} ${stream}`);
  await using server = new Loopback(createServer(runtime, { log }));
  const leaving = new AbortController();
  const { signal } = leaving;
  const body = post({ ...ENDLESS, stream: true }, { signal });
  const response = await fetch(server.url + COMPLETIONS, body);
  const reader = response.body!.getReader();
  await reader.read();
  leaving.abort();
  await reader.read().catch(() => {});
  await sessionIsFree(loaded);
  assertEquals(ends, ["left"]);
  // That a client leaves is no failure of the server's.
  assertEquals(lines, ["request /v1/completions left"]);
});

Deno.test("completions() frees its session when a streaming client stops to read", async () => {
  await using loaded = await loadFable({ sessions: 1 });
  const { runtime, ends } = watched(loaded);
  await using server = new Loopback(createServer(runtime));
  const response = await fetch(server.url + COMPLETIONS, post({ ...ENDLESS, stream: true }));
  await response.body!.cancel();
  await sessionIsFree(loaded);
  assertEquals(ends, ["left"]);
});

Deno.test("completions() frees its sessions when a waiting client leaves", async () => {
  await using loaded = await loadFable({ sessions: 2 });
  const { runtime, ends } = watched(loaded);
  await using server = new Loopback(createServer(runtime));
  const leaving = new AbortController();
  const { signal } = leaving;
  // More choices than sessions: two run, the third waits for a session.
  const running = fetch(server.url + COMPLETIONS, post({ ...ENDLESS, n: 3 }, { signal }));
  await sessionsAreTaken(loaded);
  leaving.abort();
  await running.then(() => assert(false), ({ name }) => assertEquals(name, "AbortError"));
  await sessionIsFree(loaded);
  assert(ends.every((end) => end === "left"));
});

Deno.test("completions() frees its session when nobody reads what app.request() gave", async () => {
  await using loaded = await loadFable({ sessions: 1 });
  const { runtime, ends } = watched(loaded);
  const app = createServer(runtime);
  const response = await app.request(COMPLETIONS, post({ ...ENDLESS, stream: true }));
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await sessionIsFree(loaded);
  assertEquals(ends, ["left"]);
});

Deno.test("completions() gives clients that come at once what each gets alone", async () => {
  await using runtime = await loadFable({ sessions: 3 });
  await using server = new Loopback(createServer(runtime));
  const bodies = Array.from({ length: 8 }, (_, i) => ({
    prompt: `Once upon a time there was a ${["fox", "king", "bear", "girl"][i % 4]}`,
    temperature: 0.9,
    seed: i,
    max_tokens: 24,
    stream: i % 2 === 1,
  }));
  const text = async (body: typeof bodies[number]) => {
    const response = await fetch(server.url + COMPLETIONS, post(body));
    if (!body.stream) return ((await response.json()) as Json).choices[0].text;
    return (await chunks(response)).map(({ choices }) => choices[0].text).join("");
  };
  const alone: string[] = [];
  for (const body of bodies) alone.push(await text({ ...body, stream: false }));
  assertEquals(await Promise.all(bodies.map(text)), alone);
});

Deno.test("createServer() can be mounted in another app", async () => {
  await using runtime = await loadFable();
  const app = new Hono();
  app.get("/", (c) => c.text("the other app"));
  app.route("/llm", createServer(runtime));
  assertEquals(await (await app.request("/")).text(), "the other app");
  assertEquals(await (await app.request("/llm/health")).json(), { status: "ok" });
  const [choice] = (await ask(app, "/llm/v1/completions", GREEDY)).choices;
  assertEquals(choice.text, runtime.tokenizer!.decode(GREEDY_IDS));
  const refused = await app.request("/llm/v1/completions", post({ prompt: "x", foo: 1 }));
  const { error }: Json = await refused.json();
  assertEquals([refused.status, error.param], [400, "foo"]);
});

Deno.test("createServer() tells what was reused and from where on it is inexact", async () => {
  await using runtime = await loadFable({ attentionBudget: 96 });
  const app = createServer(runtime);
  const prompt = Array.from({ length: 90 }, (_, i) => 300 + i);
  const ask = async (body: object): Promise<Json> =>
    await (await app.request("/v1/completions", post({ max_tokens: 4, ...body }))).json();
  const short = await ask({ prompt });
  assertEquals([short.usage.exact, short.usage.inexact_from], [true, undefined]);
  const long = await ask({ prompt: [...prompt, ...prompt] });
  assertEquals(long.usage.prompt_tokens_details.cached_tokens, 90);
  assertEquals([long.usage.exact, long.usage.inexact_from], [false, 90]);
  const other = await ask({ prompt: [...prompt.slice(0, 60), 5, 6] });
  assertEquals(other.usage.prompt_tokens_details.cached_tokens, 0);
  assertStringIncludes(other.usage.prompt_tokens_details.not_cached, "60 tokens are known");
});
