/**
 * `contrail generate`: continues a prompt.
 *
 * @module
 */
import type { FinishReason } from "../options.ts";
import type { Runtime } from "../runtime.ts";
import { flag, text, wholes } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { loadModel, MODEL_OPTIONS } from "./model_options.ts";
import { perSecond, rateText, write } from "./output.ts";
import { SAMPLING_OPTIONS, samplingOptions } from "./sampling_options.ts";

const DEFAULT_MAX_TOKENS = 256;

/** Exit status after Ctrl-C, as shells count it. */
const INTERRUPTED = 130;

export const generateCommand: Command = {
  summary: "Continue a prompt",
  usage: "[options] PROMPT...  (or - to read the prompt from standard input)",
  options: {
    ...MODEL_OPTIONS,
    prompt: { type: "string", short: "p", value: "TEXT", help: "the prompt, in place of words" },
    "token-ids": { type: "string", value: "IDS", help: "the prompt as ids, such as 1,2,3" },
    ...SAMPLING_OPTIONS,
    "max-tokens": {
      ...SAMPLING_OPTIONS["max-tokens"]!,
      help: `most tokens to generate (default ${DEFAULT_MAX_TOKENS})`,
    },
    json: { type: "boolean", help: "print one JSON object at the end, in place of the text" },
  },
  example: '--max-tokens 64 --seed 7 "Once upon a time"',
  run: generate,
};

/** What a generation gave. */
interface Outcome {
  text: string;
  readonly ids: number[];
  finishReason: FinishReason | "interrupted";
  promptTokens: number;
  promptMilliseconds: number;
  milliseconds: number;
}

async function generate(args: CommandArguments): Promise<number> {
  const options = { maxTokens: DEFAULT_MAX_TOKENS, ...samplingOptions(args) };
  const prompt = await promptOf(args);
  const asJson = flag(args, "json");
  await using runtime = await loadModel(args, { sessions: 1 });
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  Deno.addSignalListener("SIGINT", stop);
  const outcome: Outcome = {
    text: "",
    ids: [],
    finishReason: "interrupted",
    promptTokens: 0,
    promptMilliseconds: 0,
    milliseconds: 0,
  };
  try {
    const { signal } = interrupt;
    await run(runtime, prompt, { ...options, signal }, outcome, asJson ? undefined : write);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
  }
  if (asJson) console.log(JSON.stringify(report(runtime, outcome), undefined, 2));
  else await summarize(outcome);
  return outcome.finishReason === "interrupted" ? INTERRUPTED : 0;
}

/** Generates into `outcome`, so that what was there before an interruption can be told. */
async function run(
  runtime: Runtime,
  prompt: string | number[],
  options: ReturnType<typeof samplingOptions> & { signal: AbortSignal },
  outcome: Outcome,
  show: ((text: string) => Promise<void>) | undefined,
): Promise<void> {
  await using session = await runtime.session();
  const start = performance.now();
  await session.append(prompt, { logits: "none", signal: options.signal });
  const read = performance.now();
  outcome.promptTokens = session.position;
  outcome.promptMilliseconds = read - start;
  for await (const token of session.generate(options)) {
    outcome.text += token.text;
    outcome.ids.push(token.id);
    outcome.milliseconds = performance.now() - read;
    if (token.finishReason) outcome.finishReason = token.finishReason;
    await show?.(runtime.tokenizer ? token.text : `${token.id} `);
  }
}

/**
 * The prompt, wherever it comes from: exactly one of words, `--prompt`, `--token-ids` and standard
 * input.
 */
async function promptOf(args: CommandArguments): Promise<string | number[]> {
  const words = args.positionals.length > 0 ? args.positionals.join(" ") : undefined;
  const prompt = text(args, "prompt");
  const ids = wholes(args, "token-ids");
  const given = [words, prompt, ids].filter((one) => one !== undefined);
  if (given.length !== 1 || given[0] === "") {
    const found = given.length > 1 ? "More than one prompt" : "No prompt";
    throw new UsageError(`${found}: pass words, --prompt, --token-ids, or - for standard input`);
  }
  if (ids !== undefined) return ids;
  if (words !== "-") return (prompt ?? words)!;
  const piped = (await new Response(Deno.stdin.readable).text()).replace(/\n$/, "");
  if (piped === "") throw new UsageError("Standard input is empty: pipe the prompt into it");
  return piped;
}

function report(runtime: Runtime, outcome: Outcome): object {
  const { promptTokens, promptMilliseconds, ids, milliseconds } = outcome;
  return {
    model: runtime.name,
    text: outcome.text,
    token_ids: ids,
    finish_reason: outcome.finishReason,
    prompt_tokens: promptTokens,
    generated_tokens: ids.length,
    prompt_tokens_per_second: perSecond(promptTokens, promptMilliseconds),
    generated_tokens_per_second: perSecond(ids.length, milliseconds),
  };
}

async function summarize(outcome: Outcome): Promise<void> {
  if (!outcome.text.endsWith("\n")) await write("\n");
  const { promptTokens, promptMilliseconds, ids, milliseconds } = outcome;
  const prompt = rateText(promptTokens, promptMilliseconds);
  console.error(`prompt ${prompt}, generated ${rateText(ids.length, milliseconds)}`);
}
