import { assert, assertEquals, assertMatch } from "@std/assert";
import OpenAI from "openai";
import { Runtime } from "../src/runtime.ts";
import { createServer } from "../src/server/app.ts";
import { ToolCallParser } from "../src/server/tool_calls.ts";
import { FABLE, loadFable } from "./fable.ts";
import { ask, chunks, type Json, Loopback, post } from "./http.ts";
import { withSessions } from "./sessions.ts";

const CHAT = "/v1/chat/completions";
const USER = [{ role: "user" as const, content: "Where is the fox?" }];
const LOOK = {
  type: "function" as const,
  function: {
    name: "look",
    description: "Looks somewhere",
    parameters: {
      type: "object",
      properties: { place: { enum: ["den", "hen house"] }, far: { type: "boolean" } },
      required: ["place"],
      additionalProperties: false,
    },
  },
};
const END_OF_TURN = 2047;
const WAIT = { type: "function" as const, function: { name: "wait" } };

/** Texts, their content, and the names and arguments of their calls. */
const ANSWERS: readonly [text: string, content: string, calls: [string, string][]][] = [
  ["", "", []],
  ["Only text.\n", "Only text.\n", []],
  [
    '<tool_call>\n{"name": "look", "arguments": {"place": "den"}}\n</tool_call>',
    "",
    [["look", '{"place":"den"}']],
  ],
  [
    'I look.\n\n<tool_call>\n{"name": "look", "arguments": {"a": [1, {}]}}\n</tool_call>\n' +
    '<tool_call>{"name":"wait"}</tool_call>\n',
    "I look.",
    [["look", '{"a":[1,{}]}'], ["wait", "{}"]],
  ],
  [
    'A <tool <b> <tool_call>{"name": "f", "arguments": {"x": "</tool_call> \\"<tool_call>\\\\"}}' +
    "</tool_call> B",
    "A <tool <b>B",
    [["f", '{"x":"</tool_call> \\"<tool_call>\\\\"}']],
  ],
  ["<tool_call>\nnot JSON\n</tool_call> and on", "<tool_call>\nnot JSON\n</tool_call> and on", []],
  ['<tool_call>{"name": 1}</tool_call>', '<tool_call>{"name": 1}</tool_call>', []],
  [
    '<tool_call>{"name": "f", "arguments": []}</tool_call><tool_call>{"name": "g"}</tool_call>',
    '<tool_call>{"name": "f", "arguments": []}</tool_call>',
    [["g", "{}"]],
  ],
  ['So: <tool_call>\n{"name": "lo', 'So: <tool_call>\n{"name": "lo', []],
  ["So: <tool_ca", "So: <tool_ca", []],
  ["a < b </tool_call> 🦊 <", "a < b </tool_call> 🦊 <", []],
];

Deno.test("ToolCallParser finds the same calls in pieces of every length", () => {
  for (const [text, content, calls] of ANSWERS) {
    for (let length = 1; length <= Math.max(text.length, 1); length++) {
      const parser = new ToolCallParser();
      let found = "";
      const names: [string, string][] = [];
      for (let start = 0; start < text.length; start += length) {
        const part = parser.push(text.slice(start, start + length));
        found += part.content;
        for (const call of part.calls) names.push([call.function.name, call.function.arguments]);
      }
      found += parser.flush();
      assertEquals([found, names], [content, calls], `pieces of ${length} of ${text}`);
    }
  }
});

Deno.test("ToolCallParser gives text as soon as it can be no call", () => {
  const parser = new ToolCallParser();
  const pieces = ["A ", "fox", " <", "tool", "s", '<tool_call>{"name": "f"}</tool_call>'];
  const parts = pieces.map((piece) => parser.push(piece));
  assertEquals(parts.map(({ content }) => content), ["A", " fox", "", "", " <tools", ""]);
  assertEquals(parts.map(({ calls }) => calls.length), [0, 0, 0, 0, 0, 1]);
});

Deno.test("chatCompletions() calls a tool when it has to, whole and streamed", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const choices = ["required", { type: "function", function: { name: "look" } }];
  for (const tool_choice of choices) {
    const tools = tool_choice === "required" ? [LOOK] : [WAIT, LOOK];
    const logit_bias = { [END_OF_TURN]: 100 };
    const body = { messages: USER, tools, tool_choice, seed: 5, logit_bias };
    const [{ message, finish_reason }] = (await ask(app, CHAT, body)).choices;
    assertEquals([message.content, finish_reason], [null, "tool_calls"]);
    assertEquals(message.tool_calls.length, 1);
    const [{ id, type, function: { name, arguments: given } }] = message.tool_calls;
    assertMatch(id, /^call_/);
    assertEquals([type, name], ["function", "look"]);
    assert(["den", "hen house"].includes(JSON.parse(given).place));
    const all = await chunks(await app.request(CHAT, post({ ...body, stream: true })));
    const deltas = all.flatMap(({ choices }) => choices[0].delta.tool_calls ?? []);
    assertEquals(deltas.map(({ index }) => index), [...message.tool_calls.keys()]);
    const functions = (calls: Json[]) => calls.map((call) => call.function);
    assertEquals(functions(deltas), functions(message.tool_calls));
    assertEquals(all.map(({ choices }) => choices[0].delta.content ?? "").join(""), "");
    assertEquals(all.at(-1).choices[0].finish_reason, "tool_calls");
  }
});

Deno.test("chatCompletions() may call several tools when it has to call one", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const body = {
    messages: USER,
    tools: [WAIT, LOOK],
    tool_choice: "required",
    logit_bias: { [END_OF_TURN]: -100, 2045: -100 },
    seed: 5,
    max_tokens: 200,
  };
  const [{ message, finish_reason }] = (await ask(app, CHAT, body)).choices;
  assert(message.tool_calls.length > 1);
  assertEquals(finish_reason, "length");
});

Deno.test("chatCompletions() finds calls among text when it may call", async () => {
  await using runtime = await loadFable();
  const text = 'I look. <tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>';
  // The small model has not learned to call: what it says is put in its mouth.
  const talking = withSessions(runtime, (session) => {
    session.generate = async function* () {
      for (const piece of text) yield { id: 300, logprob: -1, text: piece };
      yield { id: 2047, logprob: 0, text: "", finishReason: "stop" };
    };
  });
  const app = createServer(talking);
  const body = { messages: USER, tools: [LOOK], logprobs: true };
  const [{ message, logprobs, finish_reason }] = (await ask(app, CHAT, body)).choices;
  assertEquals([message.content, finish_reason], ["I look.", "tool_calls"]);
  assertEquals(message.tool_calls[0].function, { name: "look", arguments: "{}" });
  assertEquals(logprobs.content.length, text.length + 1);
  const all = await chunks(await app.request(CHAT, post({ ...body, stream: true })));
  assertEquals(all.map(({ choices }) => choices[0].delta.content ?? "").join(""), "I look.");
  assertEquals(
    all.flatMap(({ choices }) => choices[0].logprobs?.content ?? []).length,
    text.length + 1,
  );
  assertEquals(all.at(-1).choices[0].finish_reason, "tool_calls");
  const free = await ask(app, CHAT, { ...body, tool_choice: "none" });
  assertEquals([free.choices[0].message.content, free.choices[0].finish_reason], [text, "stop"]);
});

Deno.test("OpenAI gets one call where parallel_tool_calls is false", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  const limits = { model: "fable", logit_bias: { [END_OF_TURN]: -100, 2045: -100 }, seed: 5 };
  const forced = { ...limits, parallel_tool_calls: false, tool_choice: "required" as const };
  const chat = { ...forced, messages: USER, tools: [WAIT, LOOK] };
  const { choices: [choice] } = await client.chat.completions.create(chat);
  assertEquals([choice!.message.tool_calls!.length, choice!.finish_reason], [1, "tool_calls"]);
  const tools = [{ type: LOOK.type, ...LOOK.function, strict: null }];
  const response = await client.responses.create({ ...forced, input: "Where?", tools });
  assertEquals(response.output.map(({ type }) => type), ["function_call"]);
  assertEquals([response.status, response.parallel_tool_calls], ["completed", false]);
});

Deno.test("OpenAI gets no second call of a model that is free to call", async () => {
  await using runtime = await loadFable();
  const call = '<tool_call>\n{"name": "wait", "arguments": {"a": "</tool_call>"}}\n</tool_call>';
  const text = `I wait.\n${call}\n${call} Done.`;
  for (const length of [1, 5, text.length]) {
    const ended: boolean[] = [];
    const talking = withSessions(runtime, (session) => {
      session.generate = async function* () {
        const number = ended.push(false) - 1;
        for (let i = 0; i < text.length; i += length) {
          yield { id: 300, logprob: -1, text: text.slice(i, i + length) };
        }
        ended[number] = true;
        yield { id: END_OF_TURN, logprob: 0, text: "", finishReason: "stop" };
      };
    });
    await using server = new Loopback(createServer(talking));
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
    const free = { model: "fable", parallel_tool_calls: false };
    const chat = { ...free, messages: USER, tools: [WAIT] };
    const { choices: [choice] } = await client.chat.completions.create(chat);
    const streamed = await client.chat.completions.stream(chat).finalChatCompletion();
    for (const { message, finish_reason } of [choice!, streamed.choices[0]!]) {
      assertEquals([message.content, finish_reason], ["I wait.", "tool_calls"]);
      assertEquals(message.tool_calls!.length, 1);
    }
    const tools = [{ type: WAIT.type, name: "wait", parameters: null, strict: null }];
    const response = await client.responses.create({ ...free, input: "Where?", tools });
    assertEquals(response.output.map(({ type }) => type), ["message", "function_call"]);
    assertEquals(response.status, "completed");
    assertEquals(ended, [false, false, false]);
    const both = await client.chat.completions.create({ ...chat, parallel_tool_calls: true });
    assertEquals([both.choices[0]!.message.tool_calls!.length, ended.at(-1)], [2, true]);
  }
});

Deno.test("chatCompletions() writes calls and their results as the template says", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["config.json", "tokenizer.json", "model.safetensors"]) {
      await Deno.symlink(`${FABLE}/${name}`, `${folder}/${name}`);
    }
    const template = "{% for tool in tools or [] %}{{ (tool | tojson) ~ '\\n' }}{% endfor %}" +
      "{% for m in messages %}{{ m.role }}: {{ m.content }}" +
      "{% for call in m.tool_calls or [] %}[{{ call.function.name }} " +
      "{{ call.function.arguments | tojson }}]{% endfor %}{{ '\\n' }}{% endfor %}";
    await Deno.writeTextFile(`${folder}/chat_template.jinja`, template);
    await using runtime = await Runtime.load(folder, { sessions: 1 });
    const app = createServer(runtime);
    const call = {
      id: "call_1",
      type: "function",
      function: { name: "look", arguments: '{"a": 1}' },
    };
    const messages = [
      ...USER,
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "call_1", content: "In the den" },
    ];
    const { prompt } = await ask(app, "/apply-template", { messages, tools: [WAIT] });
    assertEquals(
      prompt,
      '{"type": "function", "function": {"name": "wait"}}\nuser: Where is the fox?\n' +
        'assistant: [look {"a": 1}]\ntool: In the den\n',
    );
    const body = { messages, tools: [WAIT], max_tokens: 1 };
    const { usage } = await ask(app, CHAT, body);
    assertEquals(usage.prompt_tokens, runtime.tokenizer!.encode(prompt).length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("OpenAI runs a conversation with tools", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  const request = {
    model: "fable",
    tools: [LOOK],
    tool_choice: { type: "function" as const, function: { name: "look" } },
    seed: 3,
  };
  const stream = client.chat.completions.stream({ ...request, messages: USER });
  const { choices: [{ message }] } = await stream.finalChatCompletion() as Json;
  const { id, function: { name, arguments: given } } = message.tool_calls[0];
  assertEquals(name, "look");
  assert("place" in JSON.parse(given));
  const calls = [{ id, type: "function" as const, function: { name, arguments: given } }];
  const next = await client.chat.completions.create({
    model: "fable",
    max_tokens: 4,
    messages: [
      ...USER,
      { role: "assistant", content: null, tool_calls: calls },
      { role: "tool", tool_call_id: id, content: "It is not there." },
    ],
  });
  assertEquals(next.choices.length, 1);
});
