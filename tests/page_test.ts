import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Hono } from "hono";
import { createServer } from "../src/server/app.ts";
import { PAGE_FILES } from "../src/server/page/routes.ts";
import { findMessages, readMarkers } from "../src/server/page/transcript.js";
import { loadFable } from "./fable.ts";
import { ask, type Json } from "./http.ts";

const FOX = { role: "user", content: "Tell me of a fox." };
const STORY = { role: "assistant", content: "There was a fox." };

Deno.test("the pages and their files come with a policy that lets nothing else in", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  for (const [path, text] of PAGE_FILES) {
    const response = await app.request(path);
    assertEquals(response.status, 200, path);
    assertEquals(await response.text(), text);
    const policy = response.headers.get("Content-Security-Policy")!;
    assertMatch(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert(!policy.includes("unsafe"), policy);
    assertEquals((await app.request(path, { method: "POST" })).status, 405, path);
  }
});

Deno.test("the pages use files that there are, and no others", () => {
  const paths = PAGE_FILES.map(([path]) => path);
  const used = new Set<string>(["/"]);
  for (const [path, text] of PAGE_FILES) {
    const links = text.matchAll(/(?:href|src)="(?!openapi)([^"]*)"|from "([^"]*)"/g);
    for (const [, link, module] of links) {
      const url = new URL(link ?? module!, new URL(link === undefined ? path : "/", "http://page"));
      assertEquals(url.host, "page", `${path} uses ${url}`);
      assert(paths.includes(url.pathname), `${path} uses ${url.pathname}`);
      used.add(url.pathname);
    }
  }
  assertEquals([...used].sort(), [...paths].sort());
});

Deno.test("the pages begin their links where the server is mounted", async () => {
  await using runtime = await loadFable();
  const app = new Hono();
  app.route("/llm", createServer(runtime));
  for (const path of ["/llm", "/llm/reference"]) {
    assertStringIncludes(await (await app.request(path)).text(), '<base href="/llm/">');
  }
  assertEquals((await app.request("/llm/page/chat.js")).status, 200);
});

Deno.test("findMessages() finds what was said in the tokens of a session", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const markers =
    (await readMarkers({ json: (path: string, body: Json) => ask(app, `/${path}`, body) }))!;
  const found = (ids: number[]) =>
    findMessages(ids, markers).map(({ role, ids }: Json) => ({
      role,
      content: runtime.tokenizer!.decode(ids, { special: true }),
    }));
  const messages = [FOX, STORY, FOX];
  const ids = runtime.chatTokens(messages);
  assertEquals(found(ids), messages);
  // An answer with the token that ends it, with that and a part of what follows, and without it.
  const answered = runtime.chatTokens([...messages, STORY]);
  for (const cut of [0, 1, 2]) {
    const part = answered.slice(0, answered.lastIndexOf(2047) + 2 - cut);
    assertEquals(found(part), [...messages, STORY], `${cut}`);
  }
  // Going back to where a message began and saying it again gives the same.
  const places = findMessages(ids, markers).map(({ start, end }: Json) => [start, end]);
  assertEquals(places.map(([start]: number[]) => start), [
    0,
    ...places.slice(0, -1).map(([, end]: number[]) => end),
  ]);
  assertEquals(places.at(-1)![1], ids.length);
  assertEquals(findMessages([], markers), []);
  const prompted = [{ role: "system", content: "You tell of animals." }, ...messages];
  assertEquals(found(runtime.chatTokens(prompted)), prompted);
  const text = runtime.tokenizer!.encode("Once upon a time");
  assertEquals(findMessages([...text], markers).map(({ role }: Json) => role), ["text"]);
});

Deno.test("findMessages() tells a system prompt from what a template writes without one", () => {
  // Before a question: 1, a system prompt, 2, where the template has 10 for one.
  const markers = { head: [1, 10, 2], answer: [3], question: [4], system: [[1], [2]] };
  const found = (ids: number[]) =>
    findMessages(ids, markers).map(({ role, ids, start, end }: Json) => [role, ids, start, end]);
  assertEquals(found([1, 10, 2, 5, 3]), [["user", [5], 0, 5]]);
  assertEquals(found([1, 11, 12, 2, 5, 3]), [["system", [11, 12], 0, 0], ["user", [5], 0, 6]]);
  assertEquals(found([1, 11, 12]), [["text", [1, 11, 12], 0, 3]]);
});
