import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { logLikelihoods, parseQuestions, scoreQuestions } from "../src/multiple_choice.ts";
import { contrail } from "./contrail.ts";
import { loadFable } from "./fable.ts";

const QUESTIONS = [
  { query: "Once upon a time there", choices: ["was a king", "king a was"], gold: 0 },
  { query: "The fox said to the", choices: ["xq zv", "wolf"], gold: 1 },
  { query: "There lived a", choices: ["poor woman with her two sons", "q"], gold: 1 },
];

/** ln p of the tokens after the first `given`, one token at a time. */
async function logOf(ids: readonly number[], given: number): Promise<number> {
  await using runtime = await loadFable({ sessions: 1, prefixCache: 0 });
  await using session = await runtime.session();
  let sum = 0;
  for (let i = 0; i + 1 < ids.length; i++) {
    const logits = (await session.append([ids[i]!], { logits: "last" }))!;
    const total = logits.reduce((all, logit) => all + Math.exp(logit), 0);
    if (i + 1 >= given) sum += logits[ids[i + 1]!]! - Math.log(total);
  }
  return sum;
}

Deno.test("logLikelihoods() sums ln p of the tokens after the query", async () => {
  await using runtime = await loadFable({ prefixCache: 0 });
  const tokenizer = runtime.tokenizer!;
  for (const question of QUESTIONS) {
    const logs = await logLikelihoods(runtime, question);
    for (const [i, choice] of question.choices.entries()) {
      const given = tokenizer.encode(question.query).length;
      const wanted = await logOf(tokenizer.encode(`${question.query} ${choice}`), given);
      assertAlmostEquals(logs[i]!, wanted, 1e-3);
    }
  }
});

Deno.test("scoreQuestions() gives acc by the sum, acc_norm by the sum a character", async () => {
  await using runtime = await loadFable({ prefixCache: 0 });
  let [acc, accNorm] = [0, 0];
  for (const question of QUESTIONS) {
    const [a, b] = await logLikelihoods(runtime, question) as [number, number];
    const [m, n] = question.choices.map(({ length }) => length) as [number, number];
    if ((a >= b ? 0 : 1) === question.gold) acc++;
    if ((a / m >= b / n ? 0 : 1) === question.gold) accNorm++;
  }
  const scores = await scoreQuestions(runtime, QUESTIONS);
  assertEquals([scores.questions, scores.acc, scores.accNorm], [3, acc / 3, accNorm / 3]);
  // The short answer of the last question wins by its sum alone.
  assertEquals([acc, accNorm], [3, 2]);
  assertEquals(scores.accError, 0);
  assertAlmostEquals(scores.accNormError, 1 / 3, 1e-12);
});

Deno.test("parseQuestions() names the line that is no question", () => {
  const sound = JSON.stringify(QUESTIONS[0]);
  assertEquals(parseQuestions(`${sound}\n\n${sound}\n`, "q.jsonl").length, 2);
  const wrong: [text: string, words: string][] = [
    ["", "q.jsonl has no questions"],
    [`${sound}\n{`, "q.jsonl:2 is not JSON"],
    ['{"query": "a", "choices": ["b"], "gold": 0}', "q.jsonl:1 is no question"],
    ['{"query": "a", "choices": ["b", "c"], "gold": 2}', "q.jsonl:1 is no question"],
    ['{"query": " ", "choices": ["b", "c"], "gold": 1}', "q.jsonl:1 is no question"],
    ['{"query": "a", "choices": ["b", ""], "gold": 1}', "q.jsonl:1 is no question"],
  ];
  for (const [text, words] of wrong) {
    assertThrows(() => parseQuestions(text, "q.jsonl"), Error, words);
  }
});

Deno.test("contrail eval --choices prints scores, as text and as JSON", async () => {
  const path = Deno.makeTempFileSync({ suffix: ".jsonl" });
  try {
    Deno.writeTextFileSync(path, QUESTIONS.map((one) => JSON.stringify(one)).join("\n"));
    const args = ["eval", "--choices", path, "--weights", "f32", "--cache-type", "f32"];
    const { code, stdout, stderr } = await contrail([...args, "--json"]);
    assertEquals([code, stderr], [0, ""]);
    const { acc, acc_norm, questions } = JSON.parse(stdout);
    assertEquals([acc, acc_norm, questions], [1, 2 / 3, 3]);
    assertStringIncludes((await contrail(args)).stdout, "acc 1.0000 ± 0.0000, acc_norm 0.6667");
    Deno.writeTextFileSync(path, JSON.stringify(QUESTIONS[0]));
    const one = await contrail(args);
    assertStringIncludes(one.stdout, "1 question\nacc 1.0000, acc_norm");
    const both = await contrail([...args, "--text", path]);
    assertEquals([both.code, both.stdout], [2, ""]);
    assertStringIncludes(both.stderr, "--choices and --text");
  } finally {
    Deno.removeSync(path);
  }
});
