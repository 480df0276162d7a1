import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Hono } from "hono";
import { Hono as OtherApp } from "hono";
import { z } from "zod";
import { createServer } from "../src/server/app.ts";
import { loadFable } from "./fable.ts";
import { chunks, type Json, post } from "./http.ts";

const CHAT = "/v1/chat/completions";
const COMPLETIONS = "/v1/completions";
const USER = [{ role: "user", content: "Tell me a story about a fox." }];

const WAIT = { type: "function", function: { name: "wait" } };
const CALL = { type: "function", name: "wait" };
const END = { 2047: 100 };

async function description(app: Hono, path = "/openapi.json"): Promise<Json> {
  const response = await app.request(path);
  assertEquals(response.status, 200);
  return await response.json();
}

/** A checker of what the description says of an answer. */
function described(document: Json, path: string, method: string, type: string): z.ZodType {
  const { responses } = document.paths[path][method];
  const { schema } = responses[200].content[type];
  const inlined = JSON.parse(
    JSON.stringify({ ...schema, $defs: document.components.schemas })
      .replaceAll("#/components/schemas/", "#/$defs/"),
  );
  return z.fromJSONSchema(inlined);
}

Deno.test("GET /openapi.json describes the answers as they come", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const document = await description(app);
  const answers: readonly [path: string, request: string, body?: object][] = [
    ["/health", "/health"],
    ["/v1/models", "/v1/models"],
    ["/v1/models/{id}", "/v1/models/fable"],
    [CHAT, CHAT, { messages: USER, max_tokens: 4 }],
    [CHAT, CHAT, { messages: USER, max_tokens: 4, n: 2, logprobs: true, top_logprobs: 2 }],
    [CHAT, CHAT, { messages: USER, tools: [WAIT], tool_choice: "required", logit_bias: END }],
    [COMPLETIONS, COMPLETIONS, { prompt: "Once" }],
    [COMPLETIONS, COMPLETIONS, { prompt: "Once", logprobs: 2 }],
    [COMPLETIONS, COMPLETIONS, { prompt: "Once", logprobs: 1, echo: true, max_tokens: 0 }],
    ["/v1/responses", "/v1/responses", { input: "Once", max_output_tokens: 4 }],
    ["/v1/responses", "/v1/responses", { input: "Once", tools: [CALL], tool_choice: CALL }],
    ["/tokenize", "/tokenize", { content: "Once" }],
    ["/tokenize", "/tokenize", { content: "🦊", with_pieces: true }],
    ["/detokenize", "/detokenize", { tokens: [1484] }],
    ["/apply-template", "/apply-template", { messages: USER }],
  ];
  for (const [path, request, body] of answers) {
    const response = await app.request(request, body && post(body));
    assertEquals(response.status, 200, path);
    const form = described(document, path, body ? "post" : "get", "application/json");
    form.parse(await response.json());
    if (!body || !document.paths[path].post.responses[200].content["text/event-stream"]) continue;
    const usage = path.includes("completions") ? { stream_options: { include_usage: true } } : {};
    const stream = { ...body, ...usage, stream: true };
    const events = described(document, path, "post", "text/event-stream");
    for (const chunk of await chunks(await app.request(request, post(stream)))) events.parse(chunk);
  }
});

Deno.test("GET /openapi.json lists the routes that there are", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const document = await description(app);
  assertEquals(document.openapi, "3.1.0");
  for (const [path, methods] of Object.entries(document.paths)) {
    const url = path.replaceAll(/\{\w+\}/g, "none");
    for (const method of Object.keys(methods as object)) {
      const response = await app.request(url, { method: method.toUpperCase() });
      const body = await response.text();
      assert(response.status !== 405 && !body.includes("unknown_route"), `${method} ${path}`);
    }
    assertEquals((await app.request(url, { method: "PATCH" })).status, 405, path);
  }
});

Deno.test("GET /openapi.json names the parameters that are taken", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const { paths, components } = await description(app);
  for (const path of [CHAT, COMPLETIONS]) {
    const { schema } = paths[path].post.requestBody.content["application/json"];
    assertEquals(schema.additionalProperties, false);
    for (const name of Object.keys(schema.properties)) {
      const response = await app.request(path, post({ [name]: { no: "such value" } }));
      const { error }: Json = await response.json();
      assert(error.code !== "unknown_parameter" || error.param !== name, error.message);
    }
  }
  assertEquals(Object.keys(components.schemas.Error.properties.error.properties), [
    "message",
    "type",
    "param",
    "code",
  ]);
});

Deno.test("GET /openapi.json tells where the routes are mounted", async () => {
  await using runtime = await loadFable();
  const app = new OtherApp();
  app.route("/llm", createServer(runtime));
  const { servers, paths } = await description(app, "/llm/openapi.json");
  assertEquals(servers, [{ url: "/llm" }]);
  assertStringIncludes(Object.keys(paths).join(), "/v1/chat/completions");
});
