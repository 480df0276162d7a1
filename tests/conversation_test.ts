import { assert, assertEquals } from "@std/assert";
import { Conversation } from "../src/cli/conversation.ts";
import type { Runtime } from "../src/runtime.ts";
import { loadFable } from "./fable.ts";
import { withSessions } from "./sessions.ts";

const GREEDY = { temperature: 0, maxTokens: 8 };

/** A runtime whose sessions note what goes into them: a list of token ids for each session. */
function recording(runtime: Runtime): { runtime: Runtime; sessions: number[][] } {
  const sessions: number[][] = [];
  const noting = withSessions(runtime, (session) => {
    const held: number[] = [];
    sessions.push(held);
    const append = session.append.bind(session);
    const generate = session.generate.bind(session);
    session.append = (ids, options) => {
      held.push(...ids as readonly number[]);
      return append(ids, options);
    };
    session.generate = async function* (options) {
      for await (const token of generate(options)) {
        held.push(token.id);
        yield token;
      }
    };
  });
  return { runtime: noting, sessions };
}

function textOf(runtime: Runtime, ids: readonly number[]): string {
  return runtime.tokenizer!.decode(ids, { special: true });
}

async function say(conversation: Conversation, content: string, options: object): Promise<string> {
  let text = "";
  for await (const token of conversation.say(content, options)) text += token.text;
  return text;
}

Deno.test("Conversation.say() appends only the new turn", async () => {
  await using loaded = await loadFable();
  const { runtime, sessions } = recording(loaded);
  await using conversation = new Conversation(runtime, "Be brief.");
  const first = await say(conversation, "Tell me a story.", GREEDY);
  await say(conversation, "And then?", { ...GREEDY, maxTokens: 1 });
  assertEquals(sessions.length, 1);
  const wanted = runtime.chatTokens([
    { role: "system", content: "Be brief." },
    { role: "user", content: "Tell me a story." },
    { role: "assistant", content: first },
    { role: "user", content: "And then?" },
  ]);
  assertEquals(textOf(runtime, sessions[0]!.slice(0, -1)), textOf(runtime, wanted));
});

Deno.test("Conversation.say() has the end of a turn once when the model wrote it", async () => {
  await using loaded = await loadFable();
  const { runtime, sessions } = recording(loaded);
  await using conversation = new Conversation(runtime);
  const end = runtime.tokenizer!.encode("<|im_end|>")[0]!;
  // The model is made to end its turn at once.
  assertEquals(await say(conversation, "One.", { logitBias: { [end]: 100 }, temperature: 0 }), "");
  await say(conversation, "Two.", { ...GREEDY, maxTokens: 1 });
  const wanted = runtime.chatTokens([
    { role: "user", content: "One." },
    { role: "assistant", content: "" },
    { role: "user", content: "Two." },
  ]);
  assertEquals(sessions.map((held) => held.slice(0, -1)), [wanted]);
});

Deno.test("Conversation.say() goes on after an answer that was cut short", async () => {
  await using loaded = await loadFable();
  const { runtime, sessions } = recording(loaded);
  await using conversation = new Conversation(runtime);
  let begun = "";
  for await (const token of conversation.say("Tell me a story.", { temperature: 0 })) {
    begun += token.text;
    if (begun.length > 10) break;
  }
  await say(conversation, "Go on.", { ...GREEDY, maxTokens: 1 });
  assertEquals(sessions.length, 1);
  const text = textOf(runtime, sessions[0]!);
  assert(text.includes(`${begun}<|im_end|>`), text);
});

Deno.test("Conversation.say() begins a new session when an append failed", async () => {
  await using loaded = await loadFable();
  const { runtime, sessions } = recording(loaded);
  await using conversation = new Conversation(runtime);
  await say(conversation, "One.", { ...GREEDY, maxTokens: 2 });
  const aborted = AbortSignal.abort(new Error("enough"));
  let message = "";
  try {
    await say(conversation, "Two.", { signal: aborted });
  } catch (error) {
    message = (error as Error).message;
  }
  assertEquals(message, "enough");
  await say(conversation, "Three.", { ...GREEDY, maxTokens: 1 });
  assertEquals(sessions.length, 2);
  const text = textOf(runtime, sessions[1]!);
  assert(text.includes("One.") && text.includes("Three.") && !text.includes("Two."), text);
});

Deno.test("Conversation.reset() forgets what was said", async () => {
  await using loaded = await loadFable({ sessions: 1 });
  const { runtime, sessions } = recording(loaded);
  await using conversation = new Conversation(runtime);
  const first = await say(conversation, "Tell me a story.", GREEDY);
  await say(conversation, "Go on.", GREEDY);
  await conversation.reset();
  assertEquals(await say(conversation, "Tell me a story.", GREEDY), first);
  assertEquals(sessions.length, 2);
});
