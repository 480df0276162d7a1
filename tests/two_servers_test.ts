/**
 * Two servers that share a Redis continue each other's conversations.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { listening, Output, server } from "./cli.ts";
import { type Json, post } from "./http.ts";
import { lacksRedis, RedisServer } from "./stores.ts";

const CHAT = "v1/chat/completions";
const SAMPLING = { temperature: 0.8, max_tokens: 24, seed: 4 };
const QUESTIONS = [
  "Tell me a story about a fox.",
  "What did the fox do then?",
  "And who came to the house?",
  "How does it end?",
];

/** A server in a process of its own. Disposing it kills it. */
class Node implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly url: string;

  /** `store` is given in the environment. */
  static async start(args: readonly string[], store?: string): Promise<Node> {
    const env = store === undefined ? {} : { CONTRAIL_STORE: store };
    const process = server(0, ["--sessions", "2", ...args], [], env).spawn();
    return new Node(process, await listening(new Output(process.stdout)));
  }

  private constructor(process: Deno.ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It is gone already.
    }
    await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#process.stderr.cancel();
  }
}

/** Asks all questions, the next one of the next node, and returns the answers as they came. */
async function converse(nodes: readonly Node[], questions: readonly string[]): Promise<Json[]> {
  const messages: { role: string; content: string }[] = [];
  const answers: Json[] = [];
  for (const [turn, content] of questions.entries()) {
    messages.push({ role: "user", content });
    const { url } = nodes[turn % nodes.length]!;
    const response = await fetch(`${url}/${CHAT}`, post({ ...SAMPLING, messages }));
    const answer: Json = await response.json();
    messages.push(answer.choices[0].message);
    answers.push(answer);
  }
  return answers;
}

const textsOf = (answers: readonly Json[]) =>
  answers.map(({ choices }) => choices[0].message.content);

Deno.test({
  name: "two servers with one Redis give a conversation the same text as one server",
  ignore: lacksRedis(),
  async fn() {
    await using redis = await RedisServer.start();
    await using alone = await Node.start([]);
    await using first = await Node.start(["--store", redis.url]);
    await using second = await Node.start([], redis.url);
    const expected = await converse([alone], QUESTIONS);
    const answers = await converse([first, second], QUESTIONS);
    assertEquals(textsOf(answers), textsOf(expected));
    const cached = (answer: Json) => answer.usage.prompt_tokens_details.cached_tokens;
    assertEquals(answers.map(cached), expected.map(cached));
    assert(answers.slice(1).every((answer) => cached(answer) > 0));
  },
});

Deno.test({
  name: "a server that is killed in the middle of a turn loses that turn alone",
  ignore: lacksRedis(),
  async fn() {
    await using redis = await RedisServer.start();
    await using first = await Node.start(["--store", redis.url]);
    await using second = await Node.start(["--store", redis.url]);
    const [answer] = await converse([first], QUESTIONS.slice(0, 1));
    const messages = [
      { role: "user", content: QUESTIONS[0]! },
      answer.choices[0].message,
      { role: "user", content: QUESTIONS[1]! },
    ];
    const endless = { messages, stream: true, max_tokens: 4000, ignore_eos: true };
    const response = await fetch(`${first.url}/${CHAT}`, post(endless));
    const reader = response.body!.getReader();
    await reader.read();
    await first.kill();
    await reader.cancel().catch(() => {});
    const next = await fetch(`${second.url}/${CHAT}`, post({ ...SAMPLING, messages }));
    const { choices, usage }: Json = await next.json();
    assert(choices[0].message.content.length > 0);
    const before = answer.usage.prompt_tokens;
    assert(usage.prompt_tokens_details.cached_tokens > before, JSON.stringify(usage));
  },
});
