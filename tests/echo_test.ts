import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { createServer } from "../src/server/app.ts";
import type { Runtime } from "../src/runtime.ts";
import { loadFable, PROMPT_IDS } from "./fable.ts";
import { ask, chunks, type Json, post } from "./http.ts";

const COMPLETIONS = "/v1/completions";
const PROMPT = "Once upon a time";
const ECHO = { prompt: PROMPT, temperature: 0, max_tokens: 0, echo: true };

/** Log-probabilities of all tokens but the first, in one append. */
async function scores(runtime: Runtime, ids: readonly number[]): Promise<number[]> {
  await using session = await runtime.session();
  const logits = (await session.append(ids, { logits: "all" }))!;
  const width = runtime.config.vocabularySize;
  return ids.slice(1).map((id, i) => {
    const row = logits.subarray(i * width, (i + 1) * width);
    return row[id]! - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
  });
}

Deno.test("completions() gives the prompt back when echo is set", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const { choices, usage } = await ask(app, COMPLETIONS, ECHO);
  assertEquals(choices, [{ index: 0, text: PROMPT, logprobs: null, finish_reason: "length" }]);
  assertEquals([usage.prompt_tokens, usage.completion_tokens], [5, 0]);
  const { text } =
    (await ask(app, COMPLETIONS, { ...ECHO, echo: false, max_tokens: 8 })).choices[0];
  const more = await ask(app, COMPLETIONS, { ...ECHO, max_tokens: 8 });
  assertEquals(more.choices[0].text, PROMPT + text);
  const special = await ask(app, COMPLETIONS, { ...ECHO, prompt: [2046, ...PROMPT_IDS] });
  assertEquals(special.choices[0].text, "<|im_start|>" + PROMPT);
});

Deno.test("completions() scores a prompt of any length token by token", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const tale = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  const long = runtime.tokenizer!.encode(tale).slice(0, 150);
  for (const ids of [PROMPT_IDS, PROMPT_IDS.slice(0, 1), long.slice(0, 64), long]) {
    const body = { ...ECHO, prompt: ids, logprobs: 2 };
    const [{ logprobs, text }] = (await ask(app, COMPLETIONS, body)).choices;
    assertEquals(text, runtime.tokenizer!.decode(ids));
    assertEquals(logprobs.tokens.length, ids.length);
    const [first, ...rest] = logprobs.token_logprobs;
    assertEquals([first, logprobs.top_logprobs[0]], [null, null]);
    for (const [i, expected] of (await scores(runtime, ids)).entries()) {
      assertAlmostEquals(rest[i], expected, 1e-4);
    }
    for (const [i, top] of logprobs.top_logprobs.slice(1).entries()) {
      const best = Math.max(...Object.values<number>(top));
      // Clients compare the two to see whether the token was the most probable one.
      assert(best >= rest[i]);
      if (logprobs.tokens[i + 1] in top) assertEquals(top[logprobs.tokens[i + 1]], rest[i]);
    }
  }
});

Deno.test("completions() scores a continuation as it generated it", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  const body = { ...ECHO, max_tokens: 8, logprobs: 1 };
  const [{ text, logprobs }] = (await ask(app, COMPLETIONS, body)).choices;
  assertEquals(logprobs.tokens.join(""), text);
  for (const [i, token] of logprobs.tokens.entries()) {
    assertEquals(text.slice(logprobs.text_offset[i]).startsWith(token), true);
  }
  const again = { ...ECHO, prompt: text, logprobs: 1 };
  const [whole] = (await ask(app, COMPLETIONS, again)).choices;
  assertEquals(whole.logprobs.tokens, logprobs.tokens);
  for (const [i, logprob] of whole.logprobs.token_logprobs.entries()) {
    if (i > 0) assertAlmostEquals(logprob, logprobs.token_logprobs[i], 1e-4);
  }
  const greedy = whole.logprobs.top_logprobs.map((top: Json, i: number) =>
    top && Math.max(...Object.values<number>(top)) === whole.logprobs.token_logprobs[i]
  );
  assertEquals(greedy.slice(5), Array(8).fill(true));
});

Deno.test("completions() streams the prompt before what follows", async () => {
  await using runtime = await loadFable();
  const app = createServer(runtime);
  for (const max_tokens of [0, 6]) {
    const body = { ...ECHO, prompt: [PROMPT, "A fox"], max_tokens, logprobs: 1 };
    const { choices } = await ask(app, COMPLETIONS, body);
    const streamed = choices.map(() => ({ text: "", offsets: [] as number[], reason: "" }));
    const all = await chunks(await app.request(COMPLETIONS, post({ ...body, stream: true })));
    for (const { choices: [{ index, text, logprobs, finish_reason }] } of all) {
      streamed[index].text += text;
      streamed[index].offsets.push(...logprobs?.text_offset ?? []);
      streamed[index].reason = finish_reason ?? streamed[index].reason;
    }
    assertEquals(
      streamed,
      choices.map(({ text, logprobs, finish_reason }: Json) => ({
        text,
        offsets: logprobs.text_offset,
        reason: finish_reason,
      })),
    );
  }
});
