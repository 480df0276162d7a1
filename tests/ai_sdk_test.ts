import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { APICallError, generateText, jsonSchema, Output, streamText, tool } from "ai";
import { z } from "zod";
import { createServer } from "../src/server/app.ts";
import { loadFable } from "./fable.ts";
import { type Json, Loopback } from "./http.ts";

const PROMPT = "Tell me a story about a fox.";
const GREEDY = { temperature: 0, maxOutputTokens: 12, maxRetries: 0, prompt: PROMPT };

function modelOf(server: Loopback, name = "fable") {
  const provider = createOpenAICompatible({
    name: "contrail",
    baseURL: `${server.url}/v1`,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
  return provider(name);
}

Deno.test("generateText() and streamText() of the AI SDK give the same text", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const model = modelOf(server);
  const whole = await generateText({ model, ...GREEDY });
  assertEquals([whole.finishReason, whole.usage.outputTokens], ["length", 12]);
  const stream = streamText({ model, ...GREEDY });
  const texts = await Array.fromAsync(stream.textStream);
  assert(texts.length > 1);
  assertEquals(texts.join(""), whole.text);
  assertEquals(await stream.finishReason, "length");
  assertEquals((await stream.usage).totalTokens, whole.usage.totalTokens);
});

Deno.test("generateText() of the AI SDK calls a tool and goes on with its result", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const model = modelOf(server);
  const seen: Json[] = [];
  const look = tool({
    description: "Looks somewhere",
    inputSchema: jsonSchema<{ place: string }>({
      type: "object",
      properties: { place: { enum: ["den", "hen house"] } },
      required: ["place"],
      additionalProperties: false,
    }),
    execute: (input) => {
      seen.push(input.place);
      return { found: "a fox" };
    },
  });
  const request = { model, prompt: PROMPT, maxRetries: 0, seed: 3, tools: { look } };
  const called = await generateText({ ...request, toolChoice: { type: "tool", toolName: "look" } });
  assertEquals(called.finishReason, "tool-calls");
  assertEquals(
    called.toolCalls.map(({ toolName }) => toolName),
    called.toolCalls.map(() => "look"),
  );
  assertEquals(called.toolResults[0]!.output, { found: "a fox" });
  const answered = await generateText({
    ...GREEDY,
    model,
    tools: { look },
    toolChoice: "none",
    prompt: [{ role: "user", content: PROMPT }, ...called.response.messages],
  });
  assert(answered.text.length > 0);
  const stream = streamText({ ...request, toolChoice: { type: "tool", toolName: "look" } });
  await stream.consumeStream();
  assertEquals((await stream.toolCalls)[0]!.input, called.toolCalls[0]!.input);
  assert(seen.length >= 2 && seen.every((place) => ["den", "hen house"].includes(place)));
});

Deno.test("generateText() of the AI SDK ends with a call that it has to make", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  // The small model goes on calling for as long as it may, and there is no limit of tokens.
  const request = {
    model: modelOf(server),
    prompt: PROMPT,
    maxRetries: 0,
    seed: 1,
    toolChoice: "required" as const,
  };
  const go = tool({ inputSchema: z.object({}), execute: () => "gone" });
  const several = await generateText({ ...request, tools: { go } });
  assertEquals(several.finishReason, "tool-calls");
  assert(several.toolCalls.length > 1 && several.toolCalls.length <= 16);
  const say = tool({ inputSchema: z.object({ words: z.string() }), execute: () => "said" });
  const one = await generateText({
    ...request,
    tools: { say },
    providerOptions: { contrail: { parallel_tool_calls: false } },
  });
  assertEquals([one.finishReason, one.toolCalls.length], ["tool-calls", 1]);
  assertEquals(one.toolResults[0]!.output, "said");
});

Deno.test("generateText() of the AI SDK gives an object of a schema", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const schema = jsonSchema<{ kind: string; age: number }>({
    type: "object",
    properties: { kind: { enum: ["fox", "wolf"] }, age: { type: "integer", minimum: 1 } },
    required: ["kind", "age"],
    additionalProperties: false,
  });
  const { output } = await generateText({
    model: modelOf(server),
    prompt: PROMPT,
    seed: 5,
    output: Output.object({ schema }),
  });
  assert(["fox", "wolf"].includes(output.kind) && output.age >= 1);
});

Deno.test("generateText() of the AI SDK throws what the server refuses", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const error = await assertRejects(
    () => generateText({ model: modelOf(server, "gpt"), ...GREEDY }),
    APICallError,
    'There is no model "gpt"',
  );
  assertEquals([error.statusCode, error.isRetryable], [404, false]);
});
