import { assert, assertEquals, assertRejects } from "@std/assert";
import { Grammar } from "../src/grammar/grammar.ts";
import { Matchers } from "../src/grammar/matchers.ts";
import type { GenerateOptions } from "../src/options.ts";
import type { Runtime } from "../src/runtime.ts";
import { SessionError } from "../src/session_error.ts";
import { loadFable } from "./fable.ts";
import { runModule } from "./modules.ts";
import { generate } from "./schemas.ts";

/** A schema that takes long to compile; one of its own for each name. */
function bigSchema(name: string): object {
  return Array.from({ length: 25 }).reduce<object>((inner, _, i) => ({
    type: "object",
    properties: { [`${name}${i}`]: inner, [`other${i}`]: { type: "number" } },
    additionalProperties: { type: "integer" },
  }), { type: "string" });
}

/** Tokens of a generation without end, for as long as `until` takes. */
async function countTokens(
  runtime: Runtime,
  options: GenerateOptions,
  until: () => Promise<unknown>,
): Promise<number> {
  await using session = await runtime.session();
  await session.append("Once upon a time", { logits: "none" });
  let waited: Promise<unknown> | undefined;
  let count = 0;
  let isOver = false;
  for await (const _ of session.generate({ ...options, temperature: 1, ignoreEos: true })) {
    if (isOver) break;
    if (waited) count++;
    waited ??= until().then(() => isOver = true);
  }
  await waited;
  return count;
}

Deno.test("generate() goes on, free or held, while another grammar is compiled", async () => {
  await using runtime = await loadFable({ sessions: 2 });
  const list = Grammar.json({ type: "array", items: { type: "integer" }, minItems: 1000 });
  for (const [name, options] of Object.entries({ free: {}, held: { grammar: list } })) {
    await using other = await runtime.session();
    await other.append("Once", { logits: "none" });
    const grammar = Grammar.json(bigSchema(name));
    const count = await countTokens(
      runtime,
      options,
      () => Array.fromAsync(other.generate({ grammar, maxTokens: 1 })),
    );
    assert(count > 10, `${count} tokens came while one was ${name}`);
  }
});

const VOCABULARY = { tokens: ["a", "b", ""], endTokens: [2] };

Deno.test("Matchers refuses what the library cannot bear, and nobody else suffers", async () => {
  const matchers = new Matchers(() => VOCABULARY, new Int32Array(new SharedArrayBuffer(4)));
  try {
    using mask = await matchers.open('root ::= "a"+');
    for (const [grammar, words] of BAD) {
      const error = await assertRejects(() => matchers.open(grammar), SessionError, words);
      assertEquals(error.reason, "refused");
    }
    using another = await matchers.open('root ::= "a"+');
    assert(mask.memory !== another.memory);
    assertEquals(new Int32Array(mask.memory), new Int32Array(another.memory));
  } finally {
    matchers.stop();
  }
});

Deno.test("Matchers replaces a Worker that compiles for too long", async () => {
  const tokens = Array.from({ length: 100_000 }, (_, i) => i.toString(36));
  const vocabulary = { tokens: [...tokens, ""], endTokens: [tokens.length] };
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const matchers = new Matchers(() => vocabulary, bell, { mostMs: 1000 });
  try {
    const error = await assertRejects(
      () => matchers.open(Grammar.json(bigSchema("a")).text),
      SessionError,
      "The grammar cannot be compiled: compiling takes more than 1 s",
    );
    assertEquals(error.reason, "refused");
    using _mask = await matchers.open('root ::= "a"');
  } finally {
    matchers.stop();
  }
});

/** Grammars in EBNF, and a part of what is said of them. */
const BAD: readonly [grammar: string, words: string][] = [
  ['root ::= "a', "line 1, column 12: Expect"],
  ['root ::= "a"\nx ::= y', 'line 2, column 8: Rule "y" is not defined'],
  ['root ::= a\na ::= b\nb ::= a | "x"', "it is too much for the matcher"],
  ['root ::= ("")* "a"', "it is too much for the matcher"],
];

/** Leaves one Worker asleep, and has another compile for longer than it may. */
const LEAVES = `
  import { Grammar } from "./src/grammar/grammar.ts";
  import { Matchers } from "./src/grammar/matchers.ts";
  const tokens = Array.from({ length: 100_000 }, (_, i) => i.toString(36));
  const vocabulary = { tokens: [...tokens, ""], endTokens: [tokens.length] };
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const matchers = new Matchers(() => vocabulary, bell, { mostMs: 1000 });
  const grammar = Grammar.json(${JSON.stringify(bigSchema("a"))});
  await matchers.open('root ::= "a"');
  await matchers.open(grammar.text).catch(({ message }) => console.log(message));
  matchers.stop();
`;

Deno.test("Matchers lets the process end, whatever its Workers do", async () => {
  assertEquals(
    await runModule(LEAVES),
    "The grammar cannot be compiled: compiling takes more than 1 s\n",
  );
});

Deno.test("Matchers gives up waiting when the signal is aborted", async () => {
  const matchers = new Matchers(() => VOCABULARY, new Int32Array(new SharedArrayBuffer(4)));
  try {
    const signal = AbortSignal.timeout(1);
    await assertRejects(() => matchers.open('root ::= "b"', signal), DOMException, "timeout");
    using mask = await matchers.open('root ::= "b"');
    assertEquals(new Int32Array(mask.memory).at(-1), 2);
  } finally {
    matchers.stop();
  }
});

Deno.test("Matchers starts no Worker once it is stopped", async () => {
  let started = 0;
  const vocabulary = () => {
    started++;
    return VOCABULARY;
  };
  const matchers = new Matchers(vocabulary, new Int32Array(new SharedArrayBuffer(4)));
  matchers.stop();
  await assertRejects(() => matchers.open('root ::= "b"'), SessionError, "is closed");
  assertEquals(started, 0);
});

Deno.test("generate() with a grammar gives the same whatever else is compiled", async () => {
  await using runtime = await loadFable({ sessions: 6 });
  const grammar = Grammar.json({ type: "array", items: { type: "integer" }, maxItems: 30 });
  const options = { grammar, temperature: 1, topP: 1, seed: 11 };
  const alone = await generate(runtime, options);
  const all = await Promise.all([
    generate(runtime, options),
    ...[1, 2, 3].map((n) => generate(runtime, { grammar: Grammar.json({ const: `${n}` }) })),
    generate(runtime, options),
  ]);
  assertEquals([all[0], all[4]], [alone, alone]);
});
