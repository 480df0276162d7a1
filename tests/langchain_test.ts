import { AIMessageChunk, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createServer } from "../src/server/app.ts";
import { loadFable } from "./fable.ts";
import { type Json, Loopback } from "./http.ts";

const PROMPT = "Tell me a story about a fox.";
const LOOK = {
  type: "function" as const,
  function: {
    name: "look",
    description: "Looks somewhere",
    parameters: {
      type: "object",
      properties: { place: { enum: ["den", "hen house"] } },
      required: ["place"],
      additionalProperties: false,
    },
  },
};

function chatOf(server: Loopback, model = "fable", maxTokens?: number): ChatOpenAI {
  return new ChatOpenAI({
    model,
    apiKey: "none",
    temperature: 0,
    maxRetries: 0,
    configuration: { baseURL: `${server.url}/v1` },
    ...(maxTokens ? { maxTokens } : {}),
  });
}

Deno.test("ChatOpenAI of LangChain gives the same text whole and streamed", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const chat = chatOf(server, "fable", 12);
  const whole: Json = await chat.invoke(PROMPT);
  assertEquals(whole.usage_metadata.output_tokens, 12);
  let streamed: Json = new AIMessageChunk("");
  let pieces = 0;
  for await (const piece of await chat.stream(PROMPT)) {
    streamed = streamed.concat(piece);
    pieces++;
  }
  assert(pieces > 2);
  assertEquals(streamed.content, whole.content);
  assertEquals(streamed.usage_metadata.total_tokens, whole.usage_metadata.total_tokens);
  assertEquals(streamed.response_metadata.finish_reason, "length");
});

Deno.test("ChatOpenAI of LangChain calls a tool and goes on with its result", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const chat = chatOf(server);
  const question = new HumanMessage(PROMPT);
  const called = await chat.bindTools([LOOK], { tool_choice: "look" }).invoke([question]);
  const [call] = called.tool_calls!;
  assertEquals(call!.name, "look");
  assert(["den", "hen house"].includes(call!.args.place));
  const result = new ToolMessage({ tool_call_id: call!.id!, content: "A fox." });
  const answer = await chatOf(server, "fable", 12).invoke([question, called, result]);
  assert(answer.content.length > 0);
});

Deno.test("ChatOpenAI of LangChain gives structured output, by schema and by tool", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const schema = {
    title: "animal",
    type: "object",
    properties: { kind: { enum: ["fox", "wolf"] }, tame: { type: "boolean" } },
    required: ["kind", "tame"],
    additionalProperties: false,
  };
  for (const method of ["jsonSchema", "functionCalling"] as const) {
    const structured = chatOf(server).withStructuredOutput(schema, { method, name: "animal" });
    const { kind, tame, ...rest } = await structured.invoke(PROMPT);
    assert(["fox", "wolf"].includes(kind));
    assertEquals([typeof tame, rest], ["boolean", {}], method);
  }
});

Deno.test("ChatOpenAI of LangChain throws what the server refuses", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  await assertRejects(() => chatOf(server, "gpt").invoke(PROMPT), Error, 'no model "gpt"');
});
