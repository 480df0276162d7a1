import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { GeneratedToken, GenerateOptions } from "../src/options.ts";
import type { Runtime } from "../src/runtime.ts";
import type { Session } from "../src/session.ts";
import { GREEDY_IDS, GREEDY_TEXT, loadFable, PROMPT_IDS } from "./fable.ts";

const PROMPT = "Once upon a time";
const GREEDY = { temperature: 0, maxTokens: 19 };

async function opened(runtime: Runtime, prompt: string | readonly number[] = PROMPT_IDS) {
  const session = await runtime.session();
  await session.append(prompt, { logits: "none" });
  return session;
}

/** Generates in a session of its own. */
async function generated(
  runtime: Runtime,
  options: GenerateOptions,
  prompt: string | readonly number[] = PROMPT_IDS,
): Promise<GeneratedToken[]> {
  await using session = await opened(runtime, prompt);
  return await Array.fromAsync(session.generate(options));
}

/** The first `count` tokens of a generation that is then left. */
async function firstTokens(
  session: Session,
  count: number,
  options: GenerateOptions = GREEDY,
): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of session.generate(options)) {
    ids.push(id);
    if (ids.length < count) continue;
    // Whatever ran ahead of its reader would do so now.
    await new Promise((resolve) => setTimeout(resolve, 20));
    break;
  }
  return ids;
}

/** The text and the end of a generation. */
function result(tokens: readonly GeneratedToken[]) {
  const reasons = tokens.map(({ finishReason }) => finishReason);
  assert(reasons.slice(0, -1).every((reason) => reason === undefined));
  const text = tokens.map(({ text }) => text).join("");
  return { tokens: tokens.length, text, reason: reasons.at(-1) };
}

Deno.test("Session.append() returns last, all or no logits when it is told to", async () => {
  await using runtime = await loadFable();
  await using one = await runtime.session();
  await using other = await runtime.session();
  const width = runtime.config.vocabularySize;
  const last = (await one.append(PROMPT))!;
  assertEquals([last.length, one.position], [width, PROMPT_IDS.length]);
  const all = (await other.append(Int32Array.from(PROMPT_IDS), { logits: "all" }))!;
  assertEquals(all.length, PROMPT_IDS.length * width);
  assertEquals(all.subarray(-width), last);
  assertEquals(last.indexOf(last.reduce((most, logit) => Math.max(most, logit))), GREEDY_IDS[0]);
  assertEquals(await one.append(GREEDY_IDS, { logits: "none" }), undefined);
  assertEquals(one.position, PROMPT_IDS.length + GREEDY_IDS.length);
});

Deno.test("Session.append() gives the logits again when nothing is appended", async () => {
  await using runtime = await loadFable();
  await using session = await runtime.session();
  await assertRejects(() => session.append([]), Error, "the session is empty");
  assertEquals(await session.append([], { logits: "none" }), undefined);
  const logits = await session.append(PROMPT);
  assertEquals(await session.append(""), logits);
  assertEquals(session.position, PROMPT_IDS.length);
});

Deno.test("Session says what is wrong when its input is", async () => {
  await using runtime = await loadFable();
  await using session = await runtime.session();
  for (const id of [-1, 0.5, NaN, runtime.config.vocabularySize]) {
    await assertRejects(() => session.append([1, id]), RangeError, `Token id ${id} is not in`);
  }
  const wrong = { logits: "first" as "last" };
  await assertRejects(() => session.append([1], wrong), TypeError, `logits is "first"`);
  assertThrows(() => session.generate({ topP: 2 }), RangeError, "topP is 2");
  assertThrows(() => session.generate({ stop: "" }), TypeError, "stop holds an empty text");
  const empty = session.generate({ maxTokens: 1 });
  await assertRejects(() => empty.next(), Error, "the session is empty");
  assertEquals(await firstTokens(await opened(runtime), 3), GREEDY_IDS.slice(0, 3));
});

Deno.test("Session says that it is busy when it does something else", async () => {
  await using runtime = await loadFable();
  await using session = await runtime.session();
  const append = session.append(PROMPT);
  await assertRejects(() => session.append(PROMPT), Error, "The session is busy");
  await assertRejects(() => session.generate().next(), Error, "The session is busy");
  await append;
  for await (const _ of session.generate(GREEDY)) {
    await assertRejects(() => session.append(PROMPT), Error, "The session is busy");
    break;
  }
  await session.append(PROMPT);
  assertEquals(session.position, 2 * PROMPT_IDS.length + 1);
});

Deno.test("Session.append() ends with the signal's reason when it is aborted", async () => {
  await using runtime = await loadFable();
  await using session = await runtime.session();
  const reason = new Error("enough");
  const aborted = { signal: AbortSignal.abort(reason) };
  await assertRejects(() => session.append(PROMPT, aborted), Error, "enough");
  assertEquals(session.position, 0);
  const tokens = Array.from({ length: 1900 }, (_, i) => PROMPT_IDS[i % PROMPT_IDS.length]!);
  const controller = new AbortController();
  const append = session.append(tokens, { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 20);
  await assertRejects(() => append, Error, "enough");
  const { position } = session;
  assert(position < tokens.length, `all ${position} tokens went in`);
  // What went in until then stays, and the session goes on from there.
  await using fresh = await runtime.session();
  if (position > 0) await fresh.append(tokens.slice(0, position), { logits: "none" });
  assertEquals(await session.append(GREEDY_IDS), await fresh.append(GREEDY_IDS));
});

Deno.test("Session.generate() ends with the signal's reason when it is aborted", async () => {
  await using runtime = await loadFable();
  await using session = await opened(runtime);
  const controller = new AbortController();
  const ids: number[] = [];
  await assertRejects(
    async () => {
      for await (const { id } of session.generate({ ...GREEDY, signal: controller.signal })) {
        ids.push(id);
        if (ids.length === 3) controller.abort(new Error("enough"));
      }
    },
    Error,
    "enough",
  );
  assertEquals(ids, GREEDY_IDS.slice(0, 3));
  assertEquals(session.position, PROMPT_IDS.length + 3);
  assertEquals(await firstTokens(session, 5), GREEDY_IDS.slice(3));
});

Deno.test("Session.generate() leaves exactly what was read when the loop is left", async () => {
  await using runtime = await loadFable();
  for (const count of [1, 4]) {
    await using session = await opened(runtime);
    const ids = await firstTokens(session, count);
    assertEquals(session.position, PROMPT_IDS.length + count);
    await using fresh = await opened(runtime);
    await fresh.append(ids, { logits: "none" });
    const all = { logits: "all" } as const;
    assertEquals(await session.append([1, 2, 3], all), await fresh.append([1, 2, 3], all));
    assertEquals(await session.append([4]), await fresh.append([4]));
  }
});

Deno.test("Session.generate() ends before a stop text when it comes up", async () => {
  await using runtime = await loadFable();
  const cases: [stop: string | string[], text: string][] = [
    ["king", " there lived a "],
    [["wine", "d a k"], " there live"],
    ["never said", GREEDY_TEXT],
  ];
  for (const [stop, text] of cases) {
    const { reason, ...ended } = result(await generated(runtime, { ...GREEDY, stop }));
    assertEquals(ended.text, text);
    assertEquals(reason, text === GREEDY_TEXT ? "length" : "stop");
  }
});

Deno.test("Session.generate() ends with a token when it is one of stopIds", async () => {
  await using runtime = await loadFable();
  const stopIds = [GREEDY_IDS[3]!, GREEDY_IDS[5]!];
  const tokens = await generated(runtime, { ...GREEDY, stopIds });
  assertEquals(tokens.map(({ id }) => id), GREEDY_IDS.slice(0, 4));
  assertEquals(tokens.at(-1)!.text, "");
  assertEquals(result(tokens).reason, "stop");
});

Deno.test("Session.generate() goes past end tokens when ignoreEos is set", async () => {
  await using runtime = await loadFable();
  const end = runtime.endTokens[0]!;
  const options = { ...GREEDY, maxTokens: 3, logitBias: { [end]: 100 } };
  assertEquals(result(await generated(runtime, options)), { tokens: 1, text: "", reason: "stop" });
  const on = await generated(runtime, { ...options, ignoreEos: true });
  assertEquals(on.map(({ id }) => id), [end, end, end]);
  assertEquals(result(on).reason, "length");
  const stopped = await generated(runtime, { ...options, ignoreEos: true, stopIds: [end] });
  assertEquals(result(stopped).tokens, 1);
});

Deno.test("Session.generate() gives the same tokens when it looks ahead", async () => {
  await using runtime = await loadFable();
  const tokens = await generated(runtime, GREEDY);
  assertEquals(result(tokens), { tokens: 19, text: GREEDY_TEXT, reason: "length" });
  for (const lookahead of [1, 4, 100]) {
    assertEquals(await generated(runtime, { ...GREEDY, lookahead }), tokens);
  }
  await using session = await opened(runtime);
  assertEquals(await firstTokens(session, 3, { ...GREEDY, lookahead: 4 }), GREEDY_IDS.slice(0, 3));
  const ahead = session.position - PROMPT_IDS.length - 3;
  assert(ahead >= 0 && ahead <= 4, `${ahead} tokens ahead`);
});

Deno.test("Session.generate() tells the first token before it computes others", async () => {
  await using runtime = await loadFable();
  for (let generation = 0; generation < 8; generation++) {
    await using session = await opened(runtime);
    await using tokens = session.generate({ ...GREEDY, lookahead: 100 });
    await tokens.next();
    assertEquals(session.position, PROMPT_IDS.length + 1);
  }
});

Deno.test("Session.generate() gives the same tokens when sessions run together", async () => {
  await using runtime = await loadFable({ sessions: 4 });
  const texts = [PROMPT, "The fox", "There was once a poor woodcutter who had a wife", "A"];
  const options = (seed: number) => ({ seed, maxTokens: 20, ignoreEos: true, topLogprobs: 2 });
  const together = await Promise.all(
    texts.map((text, seed) => generated(runtime, options(seed), text)),
  );
  for (const [seed, text] of texts.entries()) {
    assertEquals(await generated(runtime, options(seed), text), together[seed]);
  }
});
