import { assert, assertEquals, assertRejects } from "@std/assert";
import type { RuntimeOptions } from "../src/options.ts";
import type { Runtime } from "../src/runtime.ts";
import type { Session } from "../src/session.ts";
import { loadFable } from "./fable.ts";
import { Random } from "./cases/random.ts";

const PROMPT = "Once upon a time there was a king who had three daughters, and the youngest";
const SAMPLING = { temperature: 0.9, topP: 0.95, repetitionPenalty: 1.1, ignoreEos: true };

async function take(session: Session, count: number, seed?: number): Promise<number[]> {
  const ids: number[] = [];
  const options = { ...SAMPLING, maxTokens: count, ...(seed === undefined ? {} : { seed }) };
  for await (const { id } of session.generate(options)) ids.push(id);
  return ids;
}

async function begun(runtime: Runtime): Promise<Session> {
  const session = await runtime.session();
  await session.append(PROMPT);
  return session;
}

/** Cuts a generation of 200 tokens at `cuts` places, and goes on from a snapshot at each. */
async function checkCuts(options: RuntimeOptions, cuts: readonly number[]): Promise<void> {
  await using runtime = await loadFable({ ...options, sessions: 3 });
  await using whole = await begun(runtime);
  const expected = await take(whole, 210, 7);
  await using session = await begun(runtime);
  let done = 0;
  for (const cut of cuts) {
    const part = await take(session, cut - done, done === 0 ? 7 : undefined);
    assertEquals(part, expected.slice(done, cut));
    done = cut;
    await using restored = await runtime.restore(await session.snapshot());
    assertEquals(restored.position, session.position);
    assertEquals(restored.inexactFrom, session.inexactFrom);
    assertEquals(await take(restored, 5), expected.slice(cut, cut + 5), `cut at ${cut}`);
  }
}

Deno.test("restore() goes on as if nothing had happened, at 200 places", async () => {
  await checkCuts({}, Array.from({ length: 200 }, (_, i) => i + 1));
});

Deno.test("restore() goes on past the attention budget, with bf16 caches", async () => {
  const random = new Random(5);
  const cuts = Array.from({ length: 200 }, (_, i) => i + 1).filter(() => random.below(8) === 0);
  await checkCuts({ attentionBudget: 96, cacheType: "bf16" }, cuts);
});

Deno.test("restore() goes on in another batch and gives the next logits", async () => {
  await using runtime = await loadFable({ sessions: 5 });
  await using session = await begun(runtime);
  await take(session, 20, 3);
  const bytes = await session.snapshot();
  const expected = await take(session, 30);
  await using other = await runtime.session();
  await other.append("The fox said to the");
  await using restored = await runtime.restore(bytes);
  const [ids] = await Promise.all([take(restored, 30), take(other, 30, 1)]);
  assertEquals(ids, expected);
  await using again = await runtime.restore(bytes);
  await using twin = await runtime.restore(bytes);
  assertEquals(await again.append([]), await twin.append([]));
});

Deno.test("restore() goes on in another process", async () => {
  await using runtime = await loadFable();
  await using session = await begun(runtime);
  await take(session, 20, 3);
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, await session.snapshot());
    const code = `
      import { loadFable } from "./tests/fable.ts";
      await using runtime = await loadFable();
      await using session = await runtime.restore(Deno.readFileSync(Deno.args[0]));
      const ids = [];
      for await (const { id } of session.generate(${
      JSON.stringify({ ...SAMPLING, maxTokens: 25 })
    })) ids.push(id);
      console.log(JSON.stringify(ids));`;
    const command = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", "--ext=ts", code, path],
      cwd: new URL("..", import.meta.url),
    });
    const { stdout, stderr } = await command.output();
    const text = new TextDecoder().decode(stdout);
    assert(text !== "", new TextDecoder().decode(stderr));
    assertEquals(JSON.parse(text), await take(session, 25));
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("restore() converts keys and values to the runtime's type", async () => {
  await using wide = await loadFable({ cacheType: "f32" });
  await using narrow = await loadFable({ cacheType: "bf16" });
  await using session = await begun(wide);
  const expected = (await session.append(" lived"))!;
  await using converted = await narrow.restore(await session.snapshot());
  const logits = (await converted.append([]))!;
  assertEquals(logits, expected);
  const next = (await converted.append(" in"))!;
  const wanted = (await session.append(" in"))!;
  const worst = next.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]!)), 0);
  assert(worst > 0 && worst < 0.2, `${worst}`);
  await using back = await wide.restore(await converted.snapshot());
  assertEquals(await back.append([]), next);
});

Deno.test("restore() refuses what is no good snapshot and keeps the slot free", async () => {
  await using runtime = await loadFable({ sessions: 2 });
  await using session = await begun(runtime);
  const bytes = await session.snapshot();
  const changed = (change: (copy: Uint8Array<ArrayBuffer>) => void) => {
    const copy = bytes.slice();
    change(copy);
    return copy;
  };
  const random = new Random(1);
  const damaged = Array.from({ length: 20 }, () => {
    const place = 16 + random.below(bytes.length - 16);
    return changed((copy) => void (copy[place]! ^= 1 << random.below(8)));
  });
  const wrong: [Uint8Array<ArrayBuffer>, RegExp][] = [
    [new Uint8Array(), /no snapshot/],
    [new Uint8Array(100), /no snapshot/],
    [changed((copy) => copy.fill(88, 0, 8)), /no snapshot/],
    [changed((copy) => void (copy[8] = 9)), /version 9/],
    [bytes.slice(0, -1), /damaged or cut short/],
    [bytes.slice(0, 1000), /damaged or cut short/],
    ...damaged.map((copy): [Uint8Array<ArrayBuffer>, RegExp] => [copy, /damaged or cut short/]),
  ];
  for (const [copy, message] of wrong) {
    const error = await assertRejects(() => runtime.restore(copy), Error);
    assert(message.test(error.message), error.message);
  }
  await using whole = await runtime.restore(bytes);
  assertEquals(whole.position, session.position);
});

Deno.test("restore() refuses the snapshot of another model and of a larger budget", async () => {
  const { Runtime } = await import("../src/runtime.ts");
  const folder = decodeURIComponent(new URL("golden/tiny-2b", import.meta.url).pathname);
  await using other = await Runtime.load(folder, { sessions: 1 });
  await using small = await loadFable({ attentionBudget: 96 });
  await using runtime = await loadFable({ attentionBudget: 512 });
  await using session = await runtime.session();
  await session.append(Array.from({ length: 200 }, (_, i) => 300 + i));
  const bytes = await session.snapshot();
  const foreign = await assertRejects(() => other.restore(bytes), Error);
  assert(/is of the model/.test(foreign.message), foreign.message);
  const large = await assertRejects(() => small.restore(bytes), Error);
  assert(/attentionBudget of at least 208/.test(large.message), large.message);
});
