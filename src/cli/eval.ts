/**
 * `contrail eval`: how well a model predicts a text, and how far it is from another form of it.
 *
 * @module
 */
import { type Difference, drift, evaluate, type Loss, textTokens, WINDOW } from "../evaluate.ts";
import type { WeightType } from "../model/weight_types.ts";
import { readText } from "../read_text.ts";
import type { Runtime } from "../runtime.ts";
import { flag, text, whole } from "./arguments.ts";
import { evaluateChoices } from "./choices.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { loadModel, MODEL_OPTIONS } from "./model_options.ts";
import { barText } from "./progress_bar.ts";
import { ProgressLine } from "./progress_line.ts";

const DEFAULT_DRIFT = 10_000;

/** What `--against` takes for weights of the same model; a folder of such a name is `./q8`. */
const WEIGHT_TYPES: readonly string[] = ["auto", "f32", "bf16", "q8", "q4"] satisfies WeightType[];

export const evalCommand: Command = {
  summary: "Measure how well a model predicts a text",
  usage: "[options] --text FILE | --choices FILE",
  options: {
    ...MODEL_OPTIONS,
    text: { type: "string", value: "FILE", help: "the text" },
    against: {
      type: "string",
      value: "MODEL",
      help: "compare with another folder, or, by a type, with such weights of the same",
    },
    drift: {
      type: "string",
      value: "N",
      help: `tokens to compare in decoding (default ${DEFAULT_DRIFT}; 0: none)`,
    },
    choices: {
      type: "string",
      value: "FILE",
      help: "in place of a text: questions with several answers, as JSON lines",
    },
    json: { type: "boolean", help: "print one JSON object" },
  },
  example: "--model models/fable --weights bf16 --text models/README.md --against f32",
  run,
};

async function run(args: CommandArguments): Promise<number> {
  if (args.positionals.length > 0) {
    throw new UsageError(`Unknown argument "${args.positionals[0]}": name the text with --text`);
  }
  const path = text(args, "text");
  const choices = text(args, "choices");
  if (choices !== undefined) {
    const other = ["text", "against", "drift"].find((name) => text(args, name) !== undefined);
    if (other === undefined) return await evaluateChoices(args, choices);
    throw new UsageError(`--choices and --${other} are for different measures: pass one of them`);
  }
  if (path === undefined) {
    throw new UsageError("--text is missing: pass a file with text, or --choices");
  }
  const against = text(args, "against");
  const driftTokens = whole(args, "drift", 0) ?? DEFAULT_DRIFT;
  if (against === undefined && text(args, "drift") !== undefined) {
    throw new UsageError("--drift compares two models: name the other one with --against");
  }
  const content = readText(path);
  // One session that attends to all that is read into it, up to the trained length.
  const longest = against === undefined ? WINDOW : Math.max(WINDOW, driftTokens);
  const defaults = { sessions: 1, attentionBudget: longest, prefixCache: 0 };
  await using runtime = await loadModel(args, defaults);
  await using reference = against === undefined
    ? undefined
    : await loadModel(args, defaults, otherModel(against));
  const facts = await measure(runtime, reference, content, driftTokens);
  console.log(flag(args, "json") ? JSON.stringify(facts, undefined, 2) : table(facts));
  return 0;
}

/** The reference: the same model with another type of weights, or another folder as it is. */
function otherModel(against: string): { weights: WeightType; model?: string } {
  if (WEIGHT_TYPES.includes(against)) return { weights: against as WeightType };
  return { model: against, weights: "auto" };
}

async function measure(
  runtime: Runtime,
  reference: Runtime | undefined,
  content: string,
  driftTokens: number,
) {
  const ids = textTokens(content, runtime, reference);
  using line = new ProgressLine();
  const told = (what: string) => (share: number) => line.show(`${barText(share)} ${what}`);
  const evaluation = await evaluate(runtime, ids, reference, told("read"));
  const { windows, tokens, reference: other, ...loss } = evaluation;
  const facts = {
    model: runtime.name,
    weights: runtime.weightsType,
    windows,
    tokens,
    ...lossFacts(loss),
  };
  if (!reference || !other) return facts;
  const decoded = ids.slice(0, driftTokens);
  const buckets = await drift(runtime, decoded, reference, told("decoded"));
  return {
    ...facts,
    against: {
      model: reference.name,
      weights: reference.weightsType,
      ...lossFacts(other),
      ...differenceFacts(other),
    },
    drift: buckets.map(({ from, to, ...rest }) => ({ from, to, ...differenceFacts(rest) })),
  };
}

function lossFacts({ loss, perplexity, bitsPerByte }: Loss) {
  return { loss, perplexity, bits_per_byte: bitsPerByte };
}

function differenceFacts({ kl, agreement }: Difference) {
  return { kl_mean: kl.mean, kl_p99: kl.p99, agreement };
}

/** All that was measured, under the names of the JSON object. */
type Facts = Awaited<ReturnType<typeof measure>>;

function table(facts: Facts): string {
  const { model, weights, windows, tokens } = facts;
  const count = `${windows} ${windows === 1 ? "window" : "windows"}`;
  const lines = [
    `${model} (${weights}): ${tokens.toLocaleString("en")} tokens in ${count}`,
    lossText(facts),
  ];
  if (!("against" in facts)) return lines.join("\n");
  const { against, drift } = facts;
  const change = (facts.perplexity / against.perplexity - 1) * 100;
  lines.push(
    "",
    `against ${against.model} (${against.weights})`,
    lossText(against),
    `perplexity ${change < 0 ? "" : "+"}${change.toFixed(3)} %`,
    "",
    `${"".padEnd(20)}   KL mean    KL p99  same top`,
    differenceText("read", against),
    ...drift.map((bucket) => differenceText(`decoded ${bucket.from} … ${bucket.to}`, bucket)),
  );
  return lines.join("\n");
}

function lossText({ loss, perplexity, bits_per_byte }: ReturnType<typeof lossFacts>): string {
  return `loss ${loss.toFixed(4)} nats a token, perplexity ${perplexity.toFixed(3)}, ` +
    `${bits_per_byte.toFixed(4)} bits a byte`;
}

function differenceText(
  what: string,
  { kl_mean, kl_p99, agreement }: ReturnType<typeof differenceFacts>,
): string {
  const numbers = [kl_mean, kl_p99].map((kl) => kl.toFixed(6).padStart(10));
  return `${what.padEnd(20)}${numbers.join("")} ${(100 * agreement).toFixed(2).padStart(7)} %`;
}
