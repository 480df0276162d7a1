/**
 * `contrail eval --choices`: questions with several answers.
 *
 * @module
 */
import { parseQuestions, scoreQuestions } from "../multiple_choice.ts";
import { readText } from "../read_text.ts";
import { flag } from "./arguments.ts";
import type { CommandArguments } from "./command.ts";
import { loadModel } from "./model_options.ts";
import { barText } from "./progress_bar.ts";
import { ProgressLine } from "./progress_line.ts";

/** Scores the questions of the file at `path` and prints what came of it. */
export async function evaluateChoices(args: CommandArguments, path: string): Promise<number> {
  const questions = parseQuestions(readText(path), path);
  // A query is read once; each answer goes on from there in a session of its own.
  await using runtime = await loadModel(args, { sessions: 2, prefixCache: 0 });
  const { acc, accError, accNorm, accNormError } = await (async () => {
    using line = new ProgressLine();
    return await scoreQuestions(
      runtime,
      questions,
      (done) => line.show(`${barText(done / questions.length)} of ${questions.length} questions`),
    );
  })();
  const facts = {
    model: runtime.name,
    weights: runtime.weightsType,
    questions: questions.length,
    acc,
    acc_stderr: accError,
    acc_norm: accNorm,
    acc_norm_stderr: accNormError,
  };
  if (flag(args, "json")) console.log(JSON.stringify(facts, undefined, 2));
  else {
    const share = (value: number, error: number) =>
      // One question has no spread.
      value.toFixed(4) + (Number.isNaN(error) ? "" : ` ± ${error.toFixed(4)}`);
    const count = `${questions.length} ${questions.length === 1 ? "question" : "questions"}`;
    console.log(`${facts.model} (${facts.weights}): ${count}`);
    console.log(`acc ${share(acc, accError)}, acc_norm ${share(accNorm, accNormError)}`);
  }
  return 0;
}
