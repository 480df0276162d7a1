import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import OpenAI from "openai";
import { createServer } from "../src/server/app.ts";
import { loadFable } from "./fable.ts";
import { ask, chunks, type Json, Loopback, post } from "./http.ts";

const CHAT = "/v1/chat/completions";
const USER = [{ role: "user" as const, content: "Who are you?" }];
const SCHEMA = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 12 },
    kind: { enum: ["fox", "wolf"] },
    age: { type: "integer", minimum: 1, maximum: 99 },
  },
  required: ["name", "kind", "age"],
  additionalProperties: false,
};
const FORMAT = {
  type: "json_schema" as const,
  json_schema: { name: "animal", schema: SCHEMA, strict: true },
};

function expectAnimal(content: string): void {
  const { name, kind, age, ...rest }: Json = JSON.parse(content);
  assertEquals([typeof name, rest], ["string", {}]);
  assert(["fox", "wolf"].includes(kind) && age >= 1 && age <= 99 && name.length <= 12);
}

Deno.test("chatCompletions() answers as a schema says, whole and streamed", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const body = { messages: USER, response_format: FORMAT, temperature: 1, seed: 4, n: 2 };
  const { choices } = await ask(app, CHAT, body);
  for (const { message, finish_reason } of choices) {
    expectAnimal(message.content);
    assertEquals(finish_reason, "stop");
  }
  assert(choices[0].message.content !== choices[1].message.content);
  const streamed = ["", ""];
  const all = await chunks(await app.request(CHAT, post({ ...body, stream: true })));
  for (const { choices: [{ index, delta }] } of all) streamed[index] += delta.content ?? "";
  assertEquals(streamed, choices.map(({ message }: Json) => message.content));
});

Deno.test("completions() takes response_format and a stop text as well", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const body = { prompt: "A fox:", response_format: FORMAT, max_tokens: 200, seed: 1 };
  const [{ text }] = (await ask(app, "/v1/completions", body)).choices;
  expectAnimal(text);
  const [cut] = (await ask(app, "/v1/completions", { ...body, stop: '"kind"' })).choices;
  assertEquals(cut.text, text.slice(0, text.indexOf('"kind"')));
  const [short] = (await ask(app, "/v1/completions", { ...body, max_tokens: 2 })).choices;
  assertEquals([short.finish_reason, text.startsWith(short.text)], ["length", true]);
});

Deno.test("chatCompletions() begins an object when it is to be one", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const response_format = { type: "json_object" };
  const body = { messages: USER, response_format, temperature: 1, max_tokens: 8 };
  const [{ message }] = (await ask(app, CHAT, body)).choices;
  assertEquals(message.content.slice(0, 1), "{");
  const text = { messages: USER, response_format: { type: "text" }, temperature: 0, max_tokens: 8 };
  const [free] = (await ask(app, CHAT, text)).choices;
  assert(!free.message.content.startsWith("{"));
});

Deno.test("OpenAI parses a structured answer", async () => {
  await using runtime = await loadFable();
  await using server = new Loopback(createServer(runtime));
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  const answer = await client.chat.completions.parse({
    model: "fable",
    messages: USER,
    response_format: FORMAT,
    seed: 2,
  });
  expectAnimal(answer.choices[0]!.message.content!);
});

Deno.test("completions() holds an answer to a regular expression or a grammar", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const formats = [
    { type: "regex", regex: "[A-F][0-9]{3}(, [a-z]{4,6}){2}" },
    { type: "grammar", grammar: 'root ::= code ", " word ", " word\ncode ::= "B123"\n' + WORDS },
  ];
  for (const response_format of formats) {
    const body = { prompt: "A fox:", response_format, max_tokens: 100, seed: 1 };
    const { text, finish_reason } = (await ask(app, "/v1/completions", body)).choices[0];
    assertMatch(text, /^[A-F][0-9]{3}(, [a-z]{4,6}){2}$/);
    assertEquals(finish_reason, "stop");
  }
  const answer = await ask(app, "/v1/responses", {
    input: "Who?",
    text: { format: { type: "regex", regex: "fox|wolf" } },
  });
  assertMatch(answer.output[0].content[0].text, /^(fox|wolf)$/);
});

const WORDS = 'word ::= [a-z] [a-z] [a-z] [a-z] ("x" | [a-f] [a-f])?';

Deno.test("completions() refuses what is no grammar, and answers the next", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const wrong: [format: object, words: string][] = [
    [{ type: "regex", regex: "a(?=b)" }, "looks around"],
    [{ type: "grammar", grammar: "root ::= [é]" }, "characters beyond ASCII"],
    [{ type: "grammar", grammar: 'root ::= "a"\nb ::= c' }, 'line 2, column 8: Rule "c"'],
    [{ type: "grammar", grammar: "root ::= a\na ::= b\nb ::= a" }, "cannot be compiled"],
  ];
  for (const [response_format, words] of wrong) {
    for (const stream of [false, true]) {
      const body = post({ prompt: "A fox:", response_format, max_tokens: 4, stream });
      const response = await app.request("/v1/completions", body);
      const { error } = await response.json();
      assertEquals([response.status, error.type], [400, "invalid_request_error"]);
      assertStringIncludes(error.message, words);
    }
  }
  const body = { prompt: "A fox:", response_format: FORMAT, max_tokens: 200, seed: 1 };
  expectAnimal((await ask(app, "/v1/completions", body)).choices[0].text);
});
