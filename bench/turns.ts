/**
 * A conversation that grows: how long each turn takes to its first token, and how many tokens of
 * it need not be computed again.
 *
 * ```sh
 * deno run --allow-all bench/turns.ts [TURNS]
 * ```
 *
 * @module
 */
import { type ChatMessage, Runtime } from "../mod.ts";

const REPETITIONS = 5;
const turns = Number(Deno.args[0] ?? 20);
const folder = decodeURIComponent(new URL("../models/fable", import.meta.url).pathname);
await using runtime = await Runtime.load(folder, { sessions: 1 });
const question = "Tell me of a fox and a hen, and of what they said on the way to the old mill.";

/** One turn after `messages`: adds question and answer, and tells what it took. */
async function turn(messages: ChatMessage[]) {
  messages.push({ role: "user", content: question });
  const start = performance.now();
  const tokens = runtime.chatTokens(messages);
  await using session = await runtime.session();
  await session.append(tokens, { logits: "none" });
  const reused = session.reuse.tokens;
  let first: number | undefined;
  let content = "";
  for await (const token of session.generate({ maxTokens: 24, temperature: 0, ignoreEos: true })) {
    first ??= performance.now() - start;
    content += token.text;
  }
  messages.push({ role: "assistant", content });
  return { tokens: tokens.length, reused, first: first! };
}

const times: number[][] = [];
const rows: { tokens: number; reused: number }[] = [];
for (let repetition = 0; repetition < REPETITIONS; repetition++) {
  // Another beginning each time, so that nothing of an earlier conversation is reused.
  const messages: ChatMessage[] = [{ role: "system", content: `Story ${repetition}.` }];
  for (let index = 0; index < turns; index++) {
    const { tokens, reused, first } = await turn(messages);
    (times[index] ??= []).push(first);
    rows[index] = { tokens, reused };
  }
}

console.log("turn  tokens  reused  computed  ms to the first token (median)");
for (const [index, { tokens, reused }] of rows.entries()) {
  const median = times[index]!.sort((a, b) => a - b)[REPETITIONS >> 1]!;
  const cells = [index + 1, tokens, reused, tokens - reused, median.toFixed(1)];
  const widths = [4, 6, 6, 8, 8];
  console.log(cells.map((cell, i) => String(cell).padStart(widths[i]!)).join("  "));
}
