import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Hono } from "hono";
import OpenAI from "openai";
import { createServer } from "../src/server/app.ts";
import { MemoryStore } from "../src/store/memory.ts";
import { SqliteStore } from "../src/store/sqlite.ts";
import { loadFable } from "./fable.ts";
import { ask, chunks, type Json, Loopback, post } from "./http.ts";
import { allSessionsAreFree } from "./sessions.ts";
import { Folder } from "./stores.ts";

const RESPONSES = "/v1/responses";
const GREEDY = { temperature: 0, max_output_tokens: 12 };
const INPUT = "Tell me a story about a fox.";
const NEXT = { ...GREEDY, input: "And then?" };
const USER = [{ role: "user", content: INPUT }];
const LOOK = {
  type: "function" as const,
  name: "look",
  parameters: { type: "object", properties: { far: { type: "boolean" } }, required: ["far"] },
  strict: true,
};

function textOf(response: Json): string {
  return response.output.flatMap(({ content }: Json) => content ?? []).map(({ text }: Json) => text)
    .join("");
}

Deno.test("createResponse() answers as a chat does, keeps its answer", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const response = await ask(app, RESPONSES, { ...GREEDY, input: INPUT, metadata: { a: "b" } });
  const chat = await ask(app, "/v1/chat/completions", {
    messages: USER,
    temperature: 0,
    max_tokens: 12,
  });
  assertEquals(textOf(response), chat.choices[0].message.content);
  assertEquals([response.status, response.incomplete_details], [
    "incomplete",
    { reason: "max_output_tokens" },
  ]);
  const { input_tokens, output_tokens, total_tokens } = response.usage;
  const { prompt_tokens } = chat.usage;
  assertEquals([input_tokens, output_tokens, total_tokens], [
    prompt_tokens,
    12,
    prompt_tokens + 12,
  ]);
  const url = `${RESPONSES}/${response.id}`;
  assertEquals(await (await app.request(url)).json(), response);
  const deleted: Json = await (await app.request(url, { method: "DELETE" })).json();
  assertEquals(deleted, { id: response.id, object: "response", deleted: true });
  for (const method of ["GET", "DELETE"]) {
    assertEquals((await app.request(url, { method })).status, 404);
  }
  const unkept = await ask(app, RESPONSES, { ...GREEDY, input: INPUT, store: false });
  assertEquals((await app.request(`${RESPONSES}/${unkept.id}`)).status, 404);
});

Deno.test("createResponse() goes on from the very tokens of the response before", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const first = await ask(app, RESPONSES, { ...GREEDY, input: INPUT, seed: 1, temperature: 1.5 });
  const next = { ...GREEDY, input: "And then?", previous_response_id: first.id };
  const second = await ask(app, RESPONSES, next);
  await using session = await runtime.session();
  await session.append(runtime.chatTokens(USER), { logits: "none" });
  const sampling = { seed: 1, temperature: 1.5, maxTokens: 12 };
  await Array.fromAsync(session.generate(sampling));
  await session.append(
    "<|im_end|>\n<|im_start|>user\nAnd then?<|im_end|>\n<|im_start|>assistant\n",
    { logits: "none" },
  );
  assertEquals(second.usage.input_tokens, session.position);
  const tokens = await Array.fromAsync(session.generate({ temperature: 0, maxTokens: 12 }));
  assertEquals(textOf(second), tokens.map(({ text }) => text).join(""));
  assert(second.usage.input_tokens_details.cached_tokens >= first.usage.input_tokens);
  // The first one can be gone on from once more, and otherwise.
  assertEquals(textOf(await ask(app, RESPONSES, next)), textOf(second));
  const third = await ask(app, RESPONSES, { ...next, previous_response_id: second.id });
  assertEquals(third.previous_response_id, second.id);
  assert(third.usage.input_tokens > second.usage.total_tokens);
});

Deno.test("createResponse() reads the conversation anew when instructions change", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const first = await ask(app, RESPONSES, { ...GREEDY, input: INPUT, instructions: "Be brief." });
  const body = { ...GREEDY, input: "More!", previous_response_id: first.id };
  const second = await ask(app, RESPONSES, { ...body, instructions: "Be kind." });
  const messages = [...USER, { role: "assistant", content: textOf(first) }, {
    role: "user",
    content: "More!",
  }];
  const chat = await ask(app, "/v1/chat/completions", {
    messages: [{ role: "system", content: "Be kind." }, ...messages],
    temperature: 0,
    max_tokens: 12,
  });
  assertEquals(textOf(second), chat.choices[0].message.content);
  assertEquals(second.usage.input_tokens, chat.usage.prompt_tokens);
  const without = await ask(app, RESPONSES, body);
  assertEquals(without.usage.input_tokens, runtime.chatTokens(messages).length);
});

Deno.test("createResponse() streams events that add up to the response", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const body = { ...GREEDY, input: INPUT };
  const whole = await ask(app, RESPONSES, body);
  const raw = await (await app.request(RESPONSES, post({ ...body, stream: true }))).text();
  assert(raw.startsWith("event: response.created\ndata: {"));
  const all = await chunks(new Response(raw));
  assertEquals(all.map(({ sequence_number }) => sequence_number), [...all.keys()]);
  const types = all.map(({ type }) => type).filter((type, i, types) => type !== types[i - 1]);
  assertEquals(types.map((type) => type.replace("response.", "")), [
    "created",
    "in_progress",
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
    "incomplete",
  ]);
  assertEquals(all[0].response.output, []);
  assertEquals(all[2].item.content, []);
  assertEquals(all.map(({ delta }) => delta ?? "").join(""), textOf(whole));
  assertEquals(textOf(all.at(-1).response), textOf(whole));
});

Deno.test("OpenAI goes on with responses, and calls functions", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  const request = {
    model: "fable",
    input: INPUT,
    tools: [LOOK],
    tool_choice: { type: "function" as const, name: "look" },
  };
  const streamed = await client.responses.stream(request).finalResponse();
  const [call] = streamed.output as Json[];
  assertEquals([call.type, call.name, streamed.status], ["function_call", "look", "completed"]);
  assertEquals(typeof JSON.parse(call.arguments).far, "boolean");
  const { output } = await client.responses.retrieve(streamed.id);
  assertEquals((output as Json[]).map(({ id }) => id), [call.id]);
  const next = await client.responses.create({
    model: "fable",
    input: [{ type: "function_call_output", call_id: call.call_id, output: "Nothing" }],
    previous_response_id: streamed.id,
    tools: [LOOK],
    tool_choice: "auto",
    max_output_tokens: 4,
  });
  assertEquals(next.usage!.output_tokens, 4);
  const parsed = await client.responses.create({
    model: "fable",
    input: [...USER as Json, ...output as Json, {
      type: "function_call_output",
      call_id: call.call_id,
      output: "Nothing",
    }],
    text: { format: { type: "json_schema", name: "beast", schema: { enum: ["fox", "hen"] } } },
  });
  assert(["fox", "hen"].includes(JSON.parse(parsed.output_text)));
  await client.responses.delete(streamed.id);
  await assertRejects(() => client.responses.retrieve(streamed.id), OpenAI.NotFoundError);
});

Deno.test("createResponse() names the parameter when a body is wrong", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const refused: readonly [body: object, status: number, param: string, words: string][] = [
    [{}, 400, "input", "is missing"],
    [{ input: "x", messages: [] }, 400, "messages", "not a parameter"],
    [{ input: "x", max_tokens: 3 }, 400, "max_tokens", "not a parameter"],
    [{ input: [{ type: "image" }] }, 400, "input", "pass a text or a list of items"],
    [{ input: "x", previous_response_id: "resp_0" }, 404, "previous_response_id", "resp_0"],
    [{ input: "x", tool_choice: "required" }, 400, "tool_choice", 'pass "tools"'],
    [{ input: "x", text: { format: { type: "xml" } } }, 400, "text.format.type", "json_schema"],
  ];
  for (const [body, status, param, words] of refused) {
    const response = await app.request(RESPONSES, post(body));
    const { error }: Json = await response.json();
    assertEquals([response.status, error.param], [status, param], error.message);
    assertStringIncludes(error.message, words);
  }
});

Deno.test("createResponse() goes on after a restart, and computes only what is new", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/store.db`;
  const first = await served(path, async (app) => {
    const first = await ask(app, RESPONSES, { ...GREEDY, input: INPUT });
    return {
      ...first,
      next: await ask(app, RESPONSES, { ...NEXT, previous_response_id: first.id }),
    };
  });
  const { again, next } = await served(path, async (app) => ({
    again: await (await app.request(`${RESPONSES}/${first.id}`)).json(),
    next: await ask(app, RESPONSES, { ...NEXT, previous_response_id: first.id }),
  }));
  assertEquals({ ...again, next: first.next }, first);
  assertEquals(textOf(next), textOf(first.next));
  // All but the last token, whose state nobody has asked for.
  const { cached_tokens } = next.usage.input_tokens_details;
  assert(cached_tokens >= first.usage.total_tokens - 1, `${cached_tokens} were not computed`);
});

Deno.test("OpenAI looks at a response in the background, and cancels it", async () => {
  await using runtime = await loadFable({ sessions: 1 });
  await using server = new Loopback(createServer(runtime));
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  const request = { model: "fable", input: INPUT, background: true };
  const short = await client.responses.create({ ...request, max_output_tokens: 4 });
  assertEquals([short.status, short.output.length], ["queued", 0]);
  const ended = await settled(client, short.id);
  assertEquals([ended.status, ended.usage!.output_tokens], ["incomplete", 4]);
  const endless = { ...request, max_output_tokens: 100_000, ignore_eos: true };
  const long = await client.responses.create(endless);
  const waiting = await client.responses.create(endless);
  while ((await client.responses.retrieve(long.id)).status === "queued");
  const cancelled: Json = await client.responses.cancel(long.id);
  assertEquals(cancelled.status, "cancelled");
  assertEquals(cancelled.output[0].status, "incomplete");
  assert(cancelled.usage.output_tokens > 0);
  for (const again of [client.responses.cancel(long.id), client.responses.retrieve(long.id)]) {
    const { status, output } = await again;
    assertEquals([status, output], [cancelled.status, cancelled.output]);
  }
  await client.responses.delete(waiting.id);
  await assertRejects(() => client.responses.retrieve(waiting.id), OpenAI.NotFoundError);
  await allSessionsAreFree(runtime);
  for (const wrong of [{ store: false }, { stream: true }]) {
    const { error } = await ask(createServer(runtime), RESPONSES, { ...request, ...wrong });
    assertEquals(error.param, "background");
  }
});

Deno.test("a response in the background that fails is there while its store takes it", async () => {
  const stored = Promise.withResolvers<void>();
  class SlowStore extends MemoryStore {
    override async put(...args: Parameters<MemoryStore["put"]>): Promise<void> {
      await stored.promise;
      await super.put(...args);
    }
  }
  await using runtime = await loadFable({ sessions: 1, queue: 0, store: new SlowStore() });
  const app = createServer(runtime);
  await using _busy = await runtime.session();
  const { id } = await ask(app, RESPONSES, { input: INPUT, background: true });
  const look = async () => await (await app.request(`${RESPONSES}/${id}`)).json();
  let response = await look();
  while (response.status === "queued") response = await look();
  assertEquals([response.status, response.error?.code], ["failed", "rate_limit_exceeded"]);
  stored.resolve();
  await runtime.store!.list(); // what was being put is there
  assertEquals(await look(), response);
});

Deno.test("OpenAI cancels a response that is streamed", async () => {
  await using runtime = await loadFable({ sessions: 1 });
  await using server = new Loopback(createServer(runtime));
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  const endless = { model: "fable", input: INPUT, ignore_eos: true, max_output_tokens: 100_000 };
  let cancelling: Promise<Json> | undefined;
  let last: Json;
  for await (const event of await client.responses.create({ ...endless, stream: true })) {
    last = event;
    if (event.type === "response.created") cancelling = client.responses.cancel(event.response.id);
  }
  assertEquals([last.type, last.response.status], ["response.incomplete", "cancelled"]);
  assertEquals(await cancelling, last.response);
  await assertRejects(() => client.responses.cancel(last.response.id), OpenAI.BadRequestError);
});

/** Does `work` with a server of its own, whose store is in this file. */
async function served<T>(path: string, work: (app: Hono) => Promise<T>): Promise<T> {
  await using store = new SqliteStore(path);
  await using runtime = await loadFable({ store });
  return await work(createServer(runtime));
}

/** A response once it has ended. */
async function settled(client: OpenAI, id: string) {
  for (;;) {
    const response = await client.responses.retrieve(id);
    if (response.status !== "queued" && response.status !== "in_progress") return response;
  }
}
