import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createServer } from "../src/server/app.ts";
import type { LogEntry } from "../src/server/operation/log.ts";
import { loadFable } from "./fable.ts";
import { events, type Json, post } from "./http.ts";
import { withSessions } from "./sessions.ts";

const CHAT = "/v1/chat/completions";
const COMPLETIONS = "/v1/completions";
const USER = [{ role: "user", content: "Hello" }];

function tool(fields: object): object {
  return { type: "function", function: { name: "look", ...fields } };
}

/** Bodies that are refused: the route, the body, the parameter, and a part of the sentence. */
const REFUSED: readonly [path: string, body: unknown, param: string | null, words: string][] = [
  [CHAT, "{", null, "not valid JSON"],
  [CHAT, "", null, "not valid JSON"],
  [CHAT, [], null, "a list of 0: send a JSON object"],
  [CHAT, "null", null, "null: send a JSON object"],
  [CHAT, {}, "messages", '"messages" is missing'],
  [CHAT, { messages: [] }, "messages", "at least 1 item"],
  [CHAT, { messages: [{ content: "x" }] }, "messages[0].role", '"system", "developer"'],
  [CHAT, { messages: [{ role: "owl", content: "x" }] }, "messages[0].role", 'is "owl"'],
  [CHAT, { messages: [{ role: "user", content: 3 }] }, "messages[0].content", "is 3: pass a text"],
  [
    CHAT,
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: "x" }] }] },
    "messages[0].content",
    'parts of type "text"',
  ],
  [CHAT, { messages: USER, frequency: 1 }, "frequency", '"frequency" is not a parameter'],
  [CHAT, { messages: USER, prompt: "x" }, "prompt", '"prompt" is not a parameter'],
  [CHAT, { messages: USER, temperature: 3 }, "temperature", "is 3: pass a number of at most 2"],
  [CHAT, { messages: USER, temperature: -1 }, "temperature", "at least 0"],
  [CHAT, { messages: USER, temperature: "hot" }, "temperature", 'is "hot": pass a number'],
  [CHAT, { messages: USER, top_p: 1.5 }, "top_p", "at most 1"],
  [CHAT, { messages: USER, top_k: 1.5 }, "top_k", "pass a whole number"],
  [CHAT, { messages: USER, min_p: -0.5 }, "min_p", "at least 0"],
  [CHAT, { messages: USER, max_tokens: 0 }, "max_tokens", "at least 1"],
  [CHAT, { messages: USER, max_completion_tokens: "4" }, "max_completion_tokens", 'is "4"'],
  [CHAT, { messages: USER, n: 0 }, "n", "at least 1"],
  [CHAT, { messages: USER, n: 129 }, "n", "at most 128"],
  [CHAT, { messages: USER, seed: -1 }, "seed", "at least 0"],
  [CHAT, { messages: USER, stop: "" }, "stop", "at least 1 character"],
  [CHAT, { messages: USER, stop: Array(17).fill("x") }, "stop", "at most 16"],
  [COMPLETIONS, { prompt: "x", stop: "\ud800" }, "stop", "half of a surrogate pair"],
  [CHAT, { messages: USER, stream: "yes" }, "stream", 'is "yes": pass true or false'],
  [CHAT, { messages: USER, stream_options: { x: 1 } }, "stream_options.x", "not a parameter"],
  [CHAT, { messages: USER, logit_bias: { a: 1 } }, "logit_bias.a", "wrongly named: pass token ids"],
  [CHAT, { messages: USER, logit_bias: { 5: 101 } }, "logit_bias.5", "at most 100"],
  [CHAT, { messages: USER, logit_bias: { 9999: 1 } }, "logit_bias", "token id 9999"],
  [CHAT, { messages: USER, presence_penalty: 5 }, "presence_penalty", "at most 2"],
  [CHAT, { messages: USER, repetition_penalty: 0 }, "repetition_penalty", "at least 0.01"],
  [CHAT, { messages: USER, logprobs: 3 }, "logprobs", "is 3: pass true or false"],
  [CHAT, { messages: USER, logprobs: true, top_logprobs: 21 }, "top_logprobs", "at most 20"],
  [CHAT, { messages: USER, top_logprobs: 2 }, "top_logprobs", 'needs "logprobs"'],
  [CHAT, { messages: USER, tools: "x" }, "tools", 'is "x": pass a list'],
  [CHAT, { messages: USER, tool_choice: "always" }, "tool_choice", 'pass "none", "auto"'],
  [CHAT, { messages: USER, tool_choice: "required" }, "tool_choice", 'pass "tools" as well'],
  [CHAT, { messages: USER, tools: [{ type: "function" }] }, "tools[0].function", "is missing"],
  [CHAT, { messages: USER, tools: [tool({ kind: 1 })] }, "tools[0].function.kind", "not a para"],
  [CHAT, { messages: USER, tools: [tool({ name: "a b" })] }, "tools[0].function.name", "letters"],
  [
    CHAT,
    { messages: USER, tools: [tool({ parameters: { not: {} } })], tool_choice: "required" },
    "tools",
    'The parameters of "look" are wrong: The schema\'s "/not"',
  ],
  [
    CHAT,
    {
      messages: USER,
      tools: [tool({})],
      tool_choice: { type: "function", function: { name: "x" } },
    },
    "tool_choice",
    'names "x": name one of "tools"',
  ],
  [
    CHAT,
    {
      messages: USER,
      tools: [tool({})],
      tool_choice: "required",
      response_format: { type: "json_object" },
    },
    "tool_choice",
    'leave "response_format" out',
  ],
  [
    CHAT,
    {
      messages: [{
        role: "assistant",
        tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "[1]" } }],
      }],
    },
    "messages[0].tool_calls[0].function.arguments",
    "not the text of a JSON object",
  ],
  [
    CHAT,
    { messages: USER, response_format: { type: "yaml" } },
    "response_format.type",
    'pass one of "text", "json_object", "json_schema"',
  ],
  [
    CHAT,
    { messages: USER, response_format: { type: "json_schema" } },
    "response_format.json_schema",
    "is missing",
  ],
  [
    CHAT,
    { messages: USER, response_format: { type: "json_object", schema: {} } },
    "response_format.schema",
    "not a parameter",
  ],
  [
    COMPLETIONS,
    { prompt: "x", response_format: { type: "json_schema", json_schema: { schema: { not: {} } } } },
    "response_format.json_schema.schema",
    'The schema\'s "/not" cannot be kept here',
  ],
  [COMPLETIONS, {}, "prompt", '"prompt" is missing'],
  [COMPLETIONS, { prompt: "" }, "prompt", "empty"],
  [COMPLETIONS, { prompt: [] }, "prompt", "a list of 0"],
  [COMPLETIONS, { prompt: ["x", 1] }, "prompt", "a list of 2: pass a text"],
  [COMPLETIONS, { prompt: [-1] }, "prompt[0]", "is -1: pass a number of at least 0"],
  [COMPLETIONS, { prompt: [2048] }, "prompt", "Token id 2048"],
  [COMPLETIONS, { prompt: "x", messages: USER }, "messages", "not a parameter"],
  [COMPLETIONS, { prompt: "x", logprobs: true }, "logprobs", "is true: pass a number"],
  [COMPLETIONS, { prompt: "x", max_tokens: 0 }, "max_tokens", 'or set "echo"'],
  [CHAT, { messages: USER, echo: true }, "echo", "not a parameter"],
  [COMPLETIONS, { prompt: ["a", "b"], n: 65 }, "n", "at most 128 in all"],
];

Deno.test("createServer() names the parameter when a body is wrong", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  for (const [path, body, param, words] of REFUSED) {
    const response = await app.request(path, post(body));
    const found: Json = await response.json();
    const what = `${path} ${JSON.stringify(body)}: ${found.error?.message}`;
    assertEquals(response.status, 400, what);
    assertEquals(Object.keys(found), ["error"], what);
    assertEquals(Object.keys(found.error), ["message", "type", "param", "code"], what);
    assertEquals(found.error.type, "invalid_request_error", what);
    assertEquals(found.error.param, param, what);
    assertStringIncludes(found.error.message, words);
    assert(!found.error.message.includes("\n"), what);
  }
});

Deno.test("createServer() refuses requests with the status that says why", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime, { maxBodyBytes: 1000 });
  const expect = async (status: number, code: string | null, path: string, init?: RequestInit) => {
    const response = await app.request(path, init);
    const { error }: Json = await response.json();
    assertEquals([response.status, error.code], [status, code], `${path}: ${error.message}`);
    assertEquals(error.type, "invalid_request_error");
    return response;
  };
  await expect(404, "unknown_route", "/v1");
  await expect(404, "unknown_route", "/v1/embeddings", post({}));
  await expect(404, "model_not_found", CHAT, post({ model: "gpt", messages: USER }));
  await expect(404, "model_not_found", COMPLETIONS, post({ model: "gpt", prompt: "x" }));
  await expect(404, "model_not_found", "/v1/models/gpt");
  const wrongMethod = await expect(405, "method_not_allowed", CHAT);
  assertEquals(wrongMethod.headers.get("Allow"), "POST");
  await expect(405, "method_not_allowed", "/health", { method: "DELETE" });
  await expect(405, "method_not_allowed", "/v1/models", post({}));
  const long = { prompt: "x".repeat(1000) };
  await expect(413, "body_too_large", COMPLETIONS, post(long));
  const piece = new TextEncoder().encode(JSON.stringify(long).slice(0, 400));
  const streamed = ReadableStream.from([piece, piece, piece]);
  await expect(413, "body_too_large", COMPLETIONS, post("", { body: streamed }));
  await expect(415, "unsupported_content_type", CHAT, { method: "POST", body: "{}" });
  const form = { headers: { "Content-Type": "application/x-www-form-urlencoded" } };
  await expect(415, "unsupported_content_type", CHAT, post("a=b", form));
});

Deno.test("createServer() leaks nothing of its own failures, and logs them", async () => {
  const runtime = await loadFable();
  const entries: LogEntry[] = [];
  const app = createServer(runtime, { log: (entry) => entries.push(entry) });
  await runtime.close();
  const response = await app.request(COMPLETIONS, post({ prompt: "x" }));
  const { error }: Json = await response.json();
  assertEquals([response.status, error.type], [500, "server_error"]);
  assert(!error.message.includes("runtime"));
  const [failure, request] = entries;
  assertMatch(`${failure!.message}`, /^POST \/v1\/completions failed: The runtime is closed/);
  assertEquals(entries.map(({ level, event }) => [level, event]), [
    ["error", "failure"],
    ["error", "request"],
  ]);
  assertEquals([request!.route, request!.status], ["/v1/completions", 500]);
});

Deno.test("createServer() tells of its own failure in the middle of a stream", async () => {
  await using runtime = await loadFable();
  const lines: string[] = [];
  const failing = withSessions(runtime, (session) => {
    session.generate = async function* () {
      yield { id: 300, logprob: -1, text: "a" };
      throw new Error("a secret");
    };
  });
  const app = createServer(failing, { log: ({ message }) => lines.push(`${message}`) });
  const response = await app.request(COMPLETIONS, post({ prompt: "x", stream: true }));
  assertEquals(response.status, 200);
  const all = (await events(response)).map((data) => JSON.parse(data));
  assertEquals(all.length, 2);
  assertEquals(all[0].choices.length, 1);
  assertEquals([all[1].error.type, all[1].error.code], ["server_error", "internal_error"]);
  assert(!all[1].error.message.includes("secret"));
  assertEquals(lines[0], "POST /v1/completions failed: a secret");
});

Deno.test("createServer() answers with 503 once its signal is aborted", async () => {
  await using runtime = await loadFable();
  const ending = new AbortController();
  const app = createServer(runtime, { signal: ending.signal });
  const body = post({ prompt: "Once", max_tokens: 1500, ignore_eos: true });
  const running = app.request(COMPLETIONS, body);
  const streaming = await app.request(CHAT, post({ messages: USER, stream: true }));
  ending.abort();
  for (const response of [await running, await app.request(CHAT, post({ messages: USER }))]) {
    const { error }: Json = await response.json();
    assertEquals([response.status, error.code], [503, "shutting_down"]);
    assertEquals(response.headers.get("Retry-After"), "5");
  }
  const text = await streaming.text();
  const last = JSON.parse(text.trimEnd().split("\n\n").at(-1)!.replace("data: ", ""));
  assertEquals(last.error.code, "shutting_down");
});
