/**
 * Scores a model on questions with several answers, as lm-evaluation-harness defines it.
 *
 * @module
 */
import { mean, negativeLogProbability, predictionOf } from "./divergence.ts";
import { isRecord } from "./json_fields.ts";
import type { Runtime } from "./runtime.ts";

/** A question. */
export interface Question {
  /** What stands before the answer, which follows after a space. */
  readonly query: string;
  readonly choices: readonly string[];
  /** Index of the right choice. */
  readonly gold: number;
}

/** Shares of questions that were answered rightly, with their standard errors. */
export interface MultipleChoice {
  readonly questions: number;
  /** By the sum of ln p of an answer's tokens. */
  readonly acc: number;
  readonly accError: number;
  /** By that sum divided by the characters of the answer. */
  readonly accNorm: number;
  readonly accNormError: number;
}

/**
 * The questions of JSON Lines, `{"query": "...", "choices": ["...", "..."], "gold": 0}` each.
 * Throws an `Error` that names `source` and the line.
 */
export function parseQuestions(text: string, source: string): Question[] {
  const lines = text.split("\n").map((line, i) => ({ line, where: `${source}:${i + 1}` }));
  const questions = lines.filter(({ line }) => line.trim() !== "").map(parseQuestion);
  if (questions.length > 0) return questions;
  throw new Error(`${source} has no questions: write one a line, as JSON`);
}

function parseQuestion({ line, where }: { line: string; where: string }): Question {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new Error(`${where} is not JSON: write one question a line`);
  }
  const { query, choices, gold }: Record<string, unknown> = isRecord(value) ? value : {};
  const isText = (item: unknown) => typeof item === "string" && item !== "";
  if (
    typeof query === "string" && isText(query.trim()) &&
    Array.isArray(choices) && choices.length > 1 && choices.every(isText) &&
    Number.isInteger(gold) && (gold as number) in choices
  ) return { query, choices, gold: gold as number };
  throw new Error(
    `${where} is no question: write a "query", at least two "choices", and "gold", the index of ` +
      "the right one",
  );
}

/** Answers all questions; `progress` hears how many are done. */
export async function scoreQuestions(
  runtime: Runtime,
  questions: readonly Question[],
  progress: (done: number) => void = () => {},
): Promise<MultipleChoice> {
  const right: number[] = [];
  const rightNorm: number[] = [];
  for (const question of questions) {
    const { choices, gold } = question;
    const logs = await logLikelihoods(runtime, question);
    right.push(Number(indexOfGreatest(logs) === gold));
    const norms = logs.map((log, i) => log / [...choices[i]!].length);
    rightNorm.push(Number(indexOfGreatest(norms) === gold));
    progress(right.length);
  }
  return {
    questions: questions.length,
    acc: mean(right),
    accError: standardError(right),
    accNorm: mean(rightNorm),
    accNormError: standardError(rightNorm),
  };
}

/** ln p of each answer after the query. */
export async function logLikelihoods(
  runtime: Runtime,
  { query, choices }: Question,
): Promise<number[]> {
  const { tokenizer } = runtime;
  if (!tokenizer) {
    throw new Error(`Cannot evaluate "${runtime.name}" on text: it has no tokenizer.json`);
  }
  // A space at the end belongs to the answer, as a token often begins with one.
  const context = query.trimEnd();
  const before = tokenizer.encode(context);
  const answers = choices.map((choice) =>
    tokenizer.encode(`${query} ${choice}`).slice(before.length)
  );
  const longest = Math.max(...answers.map(({ length }) => length));
  const room = Math.min(runtime.config.maxPositions, runtime.attentionBudget) - longest;
  if (room < 1) throw new Error(`An answer has ${longest} tokens: the model reads fewer at a time`);
  // What does not fit is left out at the beginning.
  const kept = before.slice(-room);
  await using session = await runtime.session();
  if (kept.length > 1) await session.append(kept.slice(0, -1), { logits: "none" });
  const logs: number[] = [];
  for (const answer of answers) {
    await using branch = await session.fork();
    const read = [kept.at(-1)!, ...answer.slice(0, -1)];
    const logits = (await branch.append(read, { logits: "all" }))!;
    const columns = logits.length / read.length;
    const rows = answer.map((id, i) =>
      negativeLogProbability(predictionOf(logits.subarray(i * columns, (i + 1) * columns)), id)
    );
    logs.push(-rows.reduce((sum, value) => sum + value, 0));
  }
  return logs;
}

/** The first of equal ones. */
function indexOfGreatest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

/** Of the mean, from the sample's own spread; NaN for one value. */
function standardError(values: readonly number[]): number {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}
