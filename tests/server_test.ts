import { assert, assertEquals, assertMatch } from "@std/assert";
import { createServer } from "../src/server/app.ts";
import { GREEDY_IDS, GREEDY_TEXT, loadFable, PROMPT_IDS } from "./fable.ts";
import { ask, chunks, type Json, post } from "./http.ts";

const CHAT = "/v1/chat/completions";
const COMPLETIONS = "/v1/completions";
const USER = [{ role: "user", content: "Tell me a story about a fox." }];
const GREEDY = { prompt: "Once upon a time", temperature: 0, max_tokens: 8 };

Deno.test("createServer() tells its health and its model", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  assertEquals(await (await app.request("/health")).json(), { status: "ok" });
  const list: Json = await (await app.request("/v1/models")).json();
  assertEquals(list.object, "list");
  assertEquals(list.data.length, 1);
  assertEquals(await (await app.request("/v1/models/fable")).json(), list.data[0]);
  const { id, object, owned_by, created, meta } = list.data[0];
  assertEquals([id, object, owned_by], ["fable", "model", "contrail"]);
  assertEquals(meta, {
    trained_length: 2048,
    attention_budget: 2048,
    session_bytes: runtime.memory.session,
    // Keys and values of two heads of 64, in f32, in each of 8 layers.
    full_attention_token_bytes: 2 * 2 * 64 * 4 * 8,
  });
  assert(Number.isInteger(created));
});

Deno.test("completions() continues texts and token ids alike", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const { id, created, ...rest } = await ask(app, COMPLETIONS, { ...GREEDY, model: "fable" });
  assertMatch(id, /^cmpl-[0-9a-f-]{36}$/);
  assert(Number.isInteger(created));
  const text = runtime.tokenizer!.decode(GREEDY_IDS);
  assertEquals(rest, {
    object: "text_completion",
    model: "fable",
    choices: [{ index: 0, text, logprobs: null, finish_reason: "length" }],
    usage: {
      prompt_tokens: 5,
      completion_tokens: 8,
      total_tokens: 13,
      prompt_tokens_details: { cached_tokens: 0 },
      exact: true,
    },
  });
  const both = await ask(app, COMPLETIONS, { ...GREEDY, prompt: [PROMPT_IDS, PROMPT_IDS], n: 1 });
  assertEquals(both.choices.map((choice: Json) => choice.text), [text, text]);
  const { prompt_tokens_details, ...usage } = both.usage;
  const counts = { prompt_tokens: 10, completion_tokens: 16, total_tokens: 26 };
  assertEquals(usage, { ...counts, exact: true });
  assertEquals(prompt_tokens_details, { cached_tokens: 10 });
  const ids = await ask(app, COMPLETIONS, { ...GREEDY, prompt: PROMPT_IDS, max_tokens: null });
  assertEquals(ids.usage.completion_tokens, 16);
});

Deno.test("chatCompletions() answers with a message", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const body = { messages: USER, temperature: 0, max_completion_tokens: 12 };
  const { id, object, choices, usage } = await ask(app, CHAT, body);
  assertMatch(id, /^chatcmpl-/);
  assertEquals(object, "chat.completion");
  const { message, ...choice } = choices[0];
  assertEquals(choice, { index: 0, logprobs: null, finish_reason: "length" });
  assertEquals([message.role, message.refusal], ["assistant", null]);
  assert(message.content.length > 0);
  const prompt = runtime.chatTokens(USER).length;
  assertEquals(usage, {
    prompt_tokens: prompt,
    completion_tokens: 12,
    total_tokens: prompt + 12,
    prompt_tokens_details: { cached_tokens: 0 },
    exact: true,
  });
  const parts = [{ role: "user", content: [{ type: "text", text: USER[0]!.content }] }];
  const again = await ask(app, CHAT, { ...body, messages: parts });
  assertEquals(again.choices[0].message.content, message.content);
  // An answer can be sent back as it came.
  const next = await ask(app, CHAT, { ...body, messages: [...USER, message, ...USER] });
  assertEquals(next.choices.length, 1);
});

Deno.test("chatCompletions() streams the same text as it gives whole", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const body = { messages: USER, temperature: 0.8, seed: 3, max_tokens: 24 };
  const whole = await ask(app, CHAT, body);
  const stream_options = { include_usage: true };
  const response = await app.request(CHAT, post({ ...body, stream: true, stream_options }));
  assertEquals(response.headers.get("Content-Type"), "text/event-stream");
  const all = await chunks(response);
  assertEquals(new Set(all.map(({ id }) => id)).size, 1);
  assert(all.every(({ object }) => object === "chat.completion.chunk"));
  assertEquals(all[0].choices[0].delta, { role: "assistant", content: "", refusal: null });
  const last = all.pop();
  const cached = { cached_tokens: whole.usage.prompt_tokens };
  assertEquals(last.choices, []);
  assertEquals(last.usage, { ...whole.usage, prompt_tokens_details: cached });
  assert(all.every(({ usage }) => usage === null));
  const { delta, finish_reason } = all.at(-1).choices[0];
  assertEquals([delta, finish_reason], [{}, whole.choices[0].finish_reason]);
  const text = all.map(({ choices }) => choices[0].delta.content ?? "").join("");
  assertEquals(text, whole.choices[0].message.content);
});

Deno.test("completions() streams without usage when it is not asked for", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const all = await chunks(await app.request(COMPLETIONS, post({ ...GREEDY, stream: true })));
  assert(all.every((chunk) => !("usage" in chunk) && chunk.choices.length === 1));
  assertEquals(
    all.map(({ choices }) => choices[0].text).join(""),
    runtime.tokenizer!.decode(GREEDY_IDS),
  );
  assertEquals(all.at(-1).choices[0].finish_reason, "length");
});

Deno.test("completions() ends before a stop text", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const before = GREEDY_TEXT.slice(0, GREEDY_TEXT.indexOf("ond of w"));
  for (const stop of ["ond of w", ["never there", "ond of w"]]) {
    const body = { ...GREEDY, max_tokens: 40, stop };
    const [choice] = (await ask(app, COMPLETIONS, body)).choices;
    assertEquals([choice.text, choice.finish_reason], [before, "stop"]);
    const all = await chunks(await app.request(COMPLETIONS, post({ ...body, stream: true })));
    assertEquals(all.map(({ choices }) => choices[0].text).join(""), before);
    assertEquals(all.at(-1).choices[0].finish_reason, "stop");
  }
});

Deno.test("completions() gives log-probabilities in the older form", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const [choice] = (await ask(app, COMPLETIONS, { ...GREEDY, logprobs: 2 })).choices;
  const { tokens, token_logprobs, top_logprobs, text_offset } = choice.logprobs;
  assertEquals(tokens.join(""), choice.text);
  assertEquals(text_offset.length, 8);
  assertEquals(text_offset[1], tokens[0].length);
  for (const [i, token] of tokens.entries()) {
    assert(token_logprobs[i] <= 0);
    assertEquals(Object.keys(top_logprobs[i]).length, 2);
    assertEquals(top_logprobs[i][token], token_logprobs[i]);
  }
  const [none] = (await ask(app, COMPLETIONS, { ...GREEDY, logprobs: 0 })).choices;
  assertEquals(none.logprobs.token_logprobs, token_logprobs);
  assertEquals(none.logprobs.top_logprobs[0], {});
});

Deno.test("chatCompletions() gives log-probabilities of every token", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const body = { messages: USER, temperature: 0, max_tokens: 6, logprobs: true, top_logprobs: 3 };
  const [choice] = (await ask(app, CHAT, body)).choices;
  const { content } = choice.logprobs;
  assertEquals(content.length, 6);
  for (const { token, logprob, bytes, top_logprobs } of content) {
    assertEquals(new TextDecoder().decode(Uint8Array.from(bytes)), token);
    assertEquals(top_logprobs.length, 3);
    assertEquals([top_logprobs[0].token, top_logprobs[0].logprob], [token, logprob]);
  }
  const all = await chunks(await app.request(CHAT, post({ ...body, stream: true })));
  assertEquals(all.flatMap(({ choices }) => choices[0].logprobs?.content ?? []), content);
});

Deno.test("chatCompletions() gives n choices that differ, and the same ones again", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const body = { messages: USER, n: 3, seed: 11, temperature: 1.5, top_p: 1, max_tokens: 12 };
  const first = await ask(app, CHAT, body);
  assertEquals(first.choices.map(({ index }: Json) => index), [0, 1, 2]);
  const contents = first.choices.map(({ message }: Json) => message.content);
  assertEquals(new Set(contents).size, 3);
  assertEquals(first.usage.completion_tokens <= 36, true);
  const streamed = ["", "", ""];
  for (
    const { choices } of await chunks(await app.request(CHAT, post({ ...body, stream: true })))
  ) {
    streamed[choices[0].index] += choices[0].delta.content ?? "";
  }
  assertEquals(streamed, contents);
});

Deno.test("completions() passes every sampling parameter on", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const text = async (extra: object) =>
    (await ask(app, COMPLETIONS, { ...GREEDY, ...extra })).choices[0].text;
  const plain = await text({});
  assertEquals(await text({ temperature: 1, top_k: 1 }), plain);
  assertEquals(await text({ temperature: 1, top_p: 0 }), plain);
  assertEquals(await text({ temperature: 1, min_p: 1 }), plain);
  assert(await text({ logit_bias: { [GREEDY_IDS[0]!]: -100 } }) !== plain);
  assert(await text({ max_tokens: 60, repetition_penalty: 5 }) !== await text({ max_tokens: 60 }));
  assert(await text({ max_tokens: 60, presence_penalty: 2 }) !== await text({ max_tokens: 60 }));
  assert(await text({ max_tokens: 60, frequency_penalty: 2 }) !== await text({ max_tokens: 60 }));
  const random = { temperature: 2, top_p: 1, max_tokens: 12 };
  assertEquals(await text({ ...random, seed: 1 }), await text({ ...random, seed: 1 }));
  assert(await text({ ...random, seed: 1 }) !== await text({ ...random, seed: 2 }));
  const always = { logit_bias: { 2045: 100 } };
  assertEquals(await text(always), "");
  const [more] = (await ask(app, COMPLETIONS, { ...GREEDY, ...always, ignore_eos: true })).choices;
  assertEquals(more.finish_reason, "length");
});
