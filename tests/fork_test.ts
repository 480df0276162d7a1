import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Session } from "../src/session.ts";
import { loadFable } from "./fable.ts";

const PROMPT = "Once upon a time there was a king who had three daughters, and the youngest";

async function greedy(session: Session, count: number): Promise<number[]> {
  const ids: number[] = [];
  const options = { temperature: 0, maxTokens: count, ignoreEos: true };
  for await (const { id } of session.generate(options)) ids.push(id);
  return ids;
}

Deno.test("fork() goes on from where its session is, and neither disturbs the other", async () => {
  await using runtime = await loadFable({ sessions: 3 });
  await using session = await runtime.session();
  await session.append(PROMPT);
  await greedy(session, 10);
  await using branch = await session.fork();
  await using third = await branch.fork();
  assertEquals(branch.position, session.position);
  const expected = await greedy(session, 20);
  await third.append(" suddenly");
  const [ids] = await Promise.all([greedy(branch, 20), greedy(third, 20)]);
  assertEquals(ids, expected);
  await assertRejects(() => session.fork(), Error, "All 3 sessions are in use");
});

Deno.test("rewind() goes back to any position and on from there", async () => {
  await using runtime = await loadFable({ sessions: 2 });
  await using session = await runtime.session();
  await session.append(PROMPT);
  const start = session.position;
  const ids = await greedy(session, 100);
  const end = session.position;
  for (const position of [end, end - 1, end - 2, start + 50, start + 1, start, start - 3, 1]) {
    await session.rewind(position);
    assertEquals(session.position, position);
    if (position <= start || position === end) continue;
    const rest = ids.slice(position - start);
    assertEquals(await greedy(session, rest.length), rest, `from ${position}`);
  }
  await session.rewind(0);
  await session.append(PROMPT);
  assertEquals(await greedy(session, 100), ids);
  await assertRejects(() => session.rewind(end + 1), RangeError, `from 0 to ${end}`);
  await assertRejects(() => session.rewind(-1), RangeError);
});

Deno.test("rewind() past what is known says so and loses nothing", async () => {
  await using runtime = await loadFable({ sessions: 2, prefixCache: 0 });
  await using session = await runtime.session();
  // More than the trained length, which is how many ids are kept.
  await session.append(Array.from({ length: 2100 }, (_, i) => 300 + i % 1000), { logits: "none" });
  const expected = await session.append([]);
  await assertRejects(() => session.rewind(5), Error, "those from 52 on are known");
  assertEquals(await session.append([]), expected);
});

Deno.test("append() takes what it can from earlier prompts", async () => {
  await using runtime = await loadFable({ sessions: 2 });
  const tokens = Array.from({ length: 300 }, (_, i) => 300 + (i * 7) % 1000);
  const logitsOf = async (ids: number[]) => {
    await using session = await runtime.session();
    const logits = await session.append(ids);
    return { logits: logits!, reuse: session.reuse };
  };
  const first = await logitsOf(tokens.slice(0, 192));
  assertEquals(first.reuse, { tokens: 0 });
  const same = await logitsOf(tokens.slice(0, 192));
  assertEquals([same.reuse.tokens, same.logits], [192, first.logits]);
  const longer = await logitsOf(tokens);
  assertEquals(longer.reuse.tokens, 192);
  const other = await logitsOf([...tokens.slice(0, 250), 5, 6, 7]);
  assertEquals(other.reuse.tokens, 192);
  assert(other.reuse.why?.includes("250 tokens are known"), other.reuse.why);

  await using fresh = await loadFable({ sessions: 1, prefixCache: 0 });
  await using session = await fresh.session();
  // A kept state at a whole number of pieces changes no bit.
  assertEquals(await session.append(tokens), longer.logits);
  assertEquals(session.reuse, { tokens: 0, why: "the prefix cache is off", cause: "off" });
});

Deno.test("append() reuses no state that another budget has made inexact", async () => {
  await using runtime = await loadFable({ sessions: 2, attentionBudget: 512 });
  const tokens = Array.from({ length: 300 }, (_, i) => 300 + (i * 7) % 1000);
  {
    await using small = await runtime.session({ attentionBudget: 96 });
    await small.append(tokens);
    assert(!small.exact && small.inexactFrom! <= 96 + 64);
  }
  await using large = await runtime.session();
  await large.append(tokens);
  assertEquals([large.reuse.tokens, large.exact], [0, true]);
});
