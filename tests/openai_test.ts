import { assert, assertEquals, assertRejects } from "@std/assert";
import OpenAI from "openai";
import { createServer } from "../src/server/app.ts";
import { GREEDY_IDS, loadFable } from "./fable.ts";
import { Loopback } from "./http.ts";

const MESSAGES = [{ role: "user" as const, content: "Tell me a story about a fox." }];
const GREEDY = { model: "fable", temperature: 0, max_tokens: 8 };

function clientOf(server: Loopback): OpenAI {
  return new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
}

Deno.test("OpenAI lists the model", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const client = clientOf(server);
  const ids: string[] = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assertEquals(ids, ["fable"]);
  assertEquals((await client.models.retrieve("fable")).owned_by, "contrail");
});

Deno.test("OpenAI completes a chat, whole and streamed", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const client = clientOf(server);
  const request = { ...GREEDY, messages: MESSAGES };
  const whole = await client.chat.completions.create(request);
  assertEquals(whole.usage?.completion_tokens, 8);
  const stream = await client.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let reason: string | null = null;
  let total = 0;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    reason = chunk.choices[0]?.finish_reason ?? reason;
    total = chunk.usage?.total_tokens ?? total;
  }
  assertEquals(text, whole.choices[0]!.message.content);
  assertEquals(reason, whole.choices[0]!.finish_reason);
  assertEquals(total, whole.usage?.total_tokens);
});

Deno.test("OpenAI runs its chat helper with log-probabilities", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const runner = clientOf(server).chat.completions.stream({
    ...GREEDY,
    messages: MESSAGES,
    logprobs: true,
    top_logprobs: 2,
  });
  const final = await runner.finalChatCompletion();
  assert(final.choices[0]!.message.content!.length > 0);
  assertEquals(final.choices[0]!.logprobs?.content?.length, 8);
});

Deno.test("OpenAI completes a prompt, whole and streamed", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const client = clientOf(server);
  const request = { ...GREEDY, prompt: "Once upon a time" };
  const whole = await client.completions.create(request);
  assertEquals(whole.choices[0]!.text, runtime.tokenizer!.decode(GREEDY_IDS));
  let text = "";
  for await (const chunk of await client.completions.create({ ...request, stream: true })) {
    text += chunk.choices[0]!.text;
  }
  assertEquals(text, whole.choices[0]!.text);
});

Deno.test("OpenAI throws its own class for each kind of error", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const client = clientOf(server);
  const chat = (extra: object) =>
    client.chat.completions.create({ ...GREEDY, messages: MESSAGES, ...extra });
  const wrong = await assertRejects(() => chat({ temperature: 9 }), OpenAI.BadRequestError);
  assertEquals([wrong.param, wrong.code], ["temperature", "invalid_value"]);
  const unknown = await assertRejects(() => chat({ model: "gpt" }), OpenAI.NotFoundError);
  assertEquals(unknown.code, "model_not_found");
  await assertRejects(() => chat({ stream: true, n: 0 }), OpenAI.BadRequestError);
  await assertRejects(
    () => client.embeddings.create({ model: "fable", input: "x" }),
    OpenAI.NotFoundError,
  );
});

Deno.test("OpenAI hears of an error in the middle of a stream", async () => {
  await using runtime = await loadFable();
  const ending = new AbortController();
  await using server = new Loopback(createServer(runtime, { signal: ending.signal }));
  const stream = await clientOf(server).completions.create({
    ...GREEDY,
    prompt: "Once upon a time",
    max_tokens: 2000,
    stream: true,
  });
  const error = await assertRejects(async () => {
    for await (const _ of stream) ending.abort();
  }, OpenAI.APIError);
  assertEquals(error.code, "shutting_down");
});

Deno.test("OpenAI frees the session when its stream is aborted", async () => {
  await using runtime = await loadFable({ sessions: 1 });
  await using server = new Loopback(createServer(runtime));
  const client = clientOf(server);
  const stream = await client.completions.create({
    ...GREEDY,
    prompt: "Once upon a time",
    max_tokens: 2000,
    stream: true,
  });
  for await (const _ of stream) break;
  // Has the only session, or waits for it.
  const next = await client.completions.create({ ...GREEDY, prompt: "Once upon a time" });
  assertEquals(next.usage?.completion_tokens, 8);
});
