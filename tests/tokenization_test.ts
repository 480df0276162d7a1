import { assertEquals, assertStringIncludes } from "@std/assert";
import { createServer } from "../src/server/app.ts";
import { loadFable, PROMPT_IDS } from "./fable.ts";
import { ask, type Json, post } from "./http.ts";

const USER = [{ role: "user", content: "Hello" }];

Deno.test("tokenize() and detokenize() are each other's inverse", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const text = "Once upon a time";
  assertEquals(await ask(app, "/tokenize", { content: text }), { tokens: PROMPT_IDS });
  assertEquals(await ask(app, "/detokenize", { tokens: PROMPT_IDS }), { content: text });
  for (const content of ["", "naïve 狐 🦊", "<|im_start|>user\n<|im_end|>", "\u0000 \ufeff"]) {
    const { tokens } = await ask(app, "/tokenize", { content });
    assertEquals(await ask(app, "/detokenize", { tokens }), { content });
  }
});

Deno.test("tokenize() takes special tokens for text when it is told to", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const content = "<|im_end|>";
  assertEquals(await ask(app, "/tokenize", { content, add_special: true }), { tokens: [2047] });
  const plain = await ask(app, "/tokenize", { content, parse_special: false });
  assertEquals(plain.tokens.includes(2047), false);
  assertEquals(await ask(app, "/detokenize", plain), { content });
});

Deno.test("tokenize() gives pieces, as bytes when they are no whole characters", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const pieces = async (content: string) =>
    (await ask(app, "/tokenize", { content, with_pieces: true })).tokens;
  assertEquals(await pieces("Once"), [{ id: 1484, piece: "On" }, { id: 328, piece: "ce" }]);
  const bytes = (await pieces("🦊")).flatMap(({ piece }: Json) => piece);
  assertEquals(bytes, [...new TextEncoder().encode("🦊")]);
});

Deno.test("applyTemplate() gives the text of the tokens that a chat begins with", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const { prompt } = await ask(app, "/apply-template", { messages: USER });
  assertEquals(prompt, "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n");
  assertEquals((await ask(app, "/tokenize", { content: prompt })).tokens, runtime.chatTokens(USER));
  const open = { messages: USER, add_generation_prompt: false };
  const whole = await ask(app, "/apply-template", open);
  assertEquals(whole.prompt, "<|im_start|>user\nHello<|im_end|>\n");
});

Deno.test("tokenization routes name the parameter when a body is wrong", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const refused: readonly [path: string, body: object, param: string, words: string][] = [
    ["/tokenize", {}, "content", "is missing"],
    ["/tokenize", { content: "x", specials: true }, "specials", "not a parameter"],
    ["/detokenize", { tokens: [-1] }, "tokens[0]", "at least 0"],
    ["/detokenize", { tokens: [2048] }, "tokens", "Token id 2048"],
    ["/apply-template", { messages: [] }, "messages", "at least 1 item"],
    ["/apply-template", { messages: USER, prompt: "" }, "prompt", "not a parameter"],
  ];
  for (const [path, body, param, words] of refused) {
    const response = await app.request(path, post(body));
    const { error }: Json = await response.json();
    assertEquals([response.status, error.param], [400, param], error.message);
    assertStringIncludes(error.message, words);
  }
});
