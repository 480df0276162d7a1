/**
 * `contrail eval`: how well a model predicts a text, and how far it is from another form of it.
 *
 * @module
 */
import { drift, type DriftBucket, evaluate, type Evaluation, textTokens } from "../evaluate.ts";
import type { Runtime } from "../runtime.ts";
import { flag, text, whole } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { loadModel, MODEL_OPTIONS } from "./model_options.ts";

const DEFAULT_DRIFT = 10_000;

export const evalCommand: Command = {
  summary: "Measure how well a model predicts a text",
  usage: "[options] --text FILE",
  options: {
    ...MODEL_OPTIONS,
    text: { type: "string", value: "FILE", help: "the text" },
    against: {
      type: "string",
      value: "MODEL",
      help: "compare with another folder, or with f32 or bf16 weights of the same",
    },
    drift: {
      type: "string",
      value: "N",
      help: `tokens to compare in decoding (default ${DEFAULT_DRIFT}; 0: none)`,
    },
    json: { type: "boolean", help: "print one JSON object" },
  },
  example: "--model models/fable --weights bf16 --text models/README.md --against f32",
  run,
};

/** All that was measured, under the names of the JSON object. */
interface Facts extends Evaluation {
  readonly model: string;
  readonly weights: string;
  readonly against?: { readonly model: string; readonly weights: string };
  readonly drift?: readonly DriftBucket[];
}

async function run(args: CommandArguments): Promise<number> {
  if (args.positionals.length > 0) {
    throw new UsageError(`Unknown argument "${args.positionals[0]}": name the text with --text`);
  }
  const path = text(args, "text");
  if (path === undefined) throw new UsageError("--text is missing: pass a file with text");
  const against = text(args, "against");
  const driftTokens = whole(args, "drift", 0) ?? DEFAULT_DRIFT;
  if (against === undefined && text(args, "drift") !== undefined) {
    throw new UsageError("--drift compares two models: name the other one with --against");
  }
  const content = readText(path);
  // One session that can hold all that is read.
  const defaults = { sessions: 1, attentionBudget: Infinity };
  await using runtime = await loadModel(args, defaults);
  await using reference = against === undefined
    ? undefined
    : await loadModel(args, defaults, otherModel(against));
  const facts = await measure(runtime, reference, content, driftTokens);
  console.log(flag(args, "json") ? JSON.stringify(facts, undefined, 2) : table(facts));
  return 0;
}

/** The reference: the same folder with another type of weights, or another folder as it is. */
function otherModel(against: string): { weights: "f32" | "bf16" | "auto"; model?: string } {
  if (against === "f32" || against === "bf16") return { weights: against };
  return { model: against, weights: "auto" };
}

async function measure(
  runtime: Runtime,
  reference: Runtime | undefined,
  content: string,
  driftTokens: number,
): Promise<Facts> {
  const ids = textTokens(content, runtime, reference);
  const facts = {
    model: runtime.name,
    weights: runtime.weightsType,
    ...await evaluate(runtime, ids, reference),
  };
  if (!reference) return facts;
  const { name: model, weightsType: weights } = reference;
  const decoded = ids.slice(0, Math.min(driftTokens, runtime.config.maxPositions));
  return {
    ...facts,
    against: { model, weights },
    drift: await drift(runtime, decoded, reference),
  };
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new Error(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function table(facts: Facts): string {
  const { model, weights, windows, tokens, reference, against } = facts;
  const lines = [
    `${model} (${weights}): ${tokens.toLocaleString("en")} tokens, ${windows} ` +
    (windows === 1 ? "window" : "windows"),
    lossText(facts),
  ];
  if (!reference || !against) return lines.join("\n");
  const change = (facts.perplexity / reference.perplexity - 1) * 100;
  lines.push(
    "",
    `against ${against.model} (${against.weights})`,
    lossText(reference),
    `perplexity ${change < 0 ? "" : "+"}${change.toFixed(3)} %`,
    "",
    "                       KL mean    KL p99   same top",
    differenceText("prediction", reference),
    ...facts.drift!.map((bucket) =>
      differenceText(`decoded ${bucket.from} … ${bucket.to}`, bucket)
    ),
  );
  return lines.join("\n");
}

function lossText(
  { loss, perplexity, bitsPerByte }: Evaluation | Evaluation["reference"] & object,
) {
  return `loss ${loss.toFixed(4)} nats a token, perplexity ${perplexity.toFixed(3)}, ` +
    `${bitsPerByte.toFixed(4)} bits a byte`;
}

function differenceText(what: string, { kl, agreement }: Omit<DriftBucket, "from" | "to">): string {
  const numbers = [kl.mean.toFixed(6), kl.p99.toFixed(6)].map((text) => text.padStart(10));
  return `${what.padEnd(20)}${numbers.join("")} ${(100 * agreement).toFixed(2).padStart(8)} %`;
}
