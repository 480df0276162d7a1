/**
 * `contrail generate`: continues a prompt.
 *
 * @module
 */
import type { FinishReason, GeneratedToken } from "../options.ts";
import type { Runtime } from "../runtime.ts";
import type { Session } from "../session.ts";
import { AtomicFile, writeFileAtomically } from "../store/write_file.ts";
import { flag, text, wholes } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { loadModel, MODEL_OPTIONS, PROFILE_OPTION } from "./model_options.ts";
import { perSecond, rateText, write } from "./output.ts";
import { type ProfileEntry, profileOf, profileText } from "./profile.ts";
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
    save: { type: "string", value: "FILE", help: "write the session to this file at the end" },
    resume: {
      type: "string",
      value: "FILE",
      help: "go on from a saved session; the prompt follows",
    },
    ...PROFILE_OPTION,
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
  const saved = await readSaved(args);
  const prompt = await promptOf(args, saved !== undefined);
  expectSavable(text(args, "save"));
  const asJson = flag(args, "json");
  await using runtime = await loadModel(args, { sessions: 1 });
  await using session = saved ? await runtime.restore(saved) : await runtime.session();
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
    const show = (token: GeneratedToken) => write(runtime.tokenizer ? token.text : `${token.id} `);
    await run(session, prompt, { ...options, signal }, outcome, asJson ? undefined : show);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
  }
  await save(args, session, outcome);
  const profile = flag(args, "profile") ? await profileOf(runtime) : undefined;
  if (asJson) console.log(JSON.stringify(report(runtime, outcome, profile), undefined, 2));
  else await summarize(outcome, profile);
  return outcome.finishReason === "interrupted" ? INTERRUPTED : 0;
}

/** Generates into `outcome`, so that what was there before an interruption can be told. */
async function run(
  session: Session,
  prompt: string | number[],
  options: ReturnType<typeof samplingOptions> & { signal: AbortSignal },
  outcome: Outcome,
  show: ((token: GeneratedToken) => Promise<void>) | undefined,
): Promise<void> {
  const { position } = session;
  const start = performance.now();
  if (prompt.length > 0) {
    await session.append(prompt, { logits: "none", signal: options.signal });
  }
  const read = performance.now();
  outcome.promptTokens = session.position - position;
  outcome.promptMilliseconds = read - start;
  for await (const token of session.generate(options)) {
    outcome.text += token.text;
    outcome.ids.push(token.id);
    outcome.milliseconds = performance.now() - read;
    if (token.finishReason) outcome.finishReason = token.finishReason;
    await show?.(token);
  }
}

/** The snapshot that `--resume` names. */
async function readSaved(args: CommandArguments): Promise<Uint8Array | undefined> {
  const path = text(args, "resume");
  if (path === undefined) return undefined;
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new Error(`Cannot read the session ${path}: ${(error as Error).message}`);
  }
}

/** A place that cannot be written shows before anything is generated. */
function expectSavable(path: string | undefined): void {
  if (path === undefined) return;
  try {
    new AtomicFile(path)[Symbol.dispose]();
  } catch (error) {
    throw new Error(`Cannot write the session to ${path}: ${(error as Error).message}`);
  }
}

/** Writes the session where `--save` says, once it has generated anything. */
async function save(args: CommandArguments, session: Session, { ids }: Outcome): Promise<void> {
  const path = text(args, "save");
  if (path === undefined || ids.length === 0) return;
  const snapshot = await session.snapshot();
  try {
    writeFileAtomically(path, snapshot);
  } catch (error) {
    throw new Error(`Cannot write the session to ${path}: ${(error as Error).message}`);
  }
}

/**
 * The prompt, wherever it comes from: exactly one of words, `--prompt`, `--token-ids` and standard
 * input. Empty where it is `optional` and there is none.
 */
async function promptOf(args: CommandArguments, optional: boolean): Promise<string | number[]> {
  const words = args.positionals.length > 0 ? args.positionals.join(" ") : undefined;
  const prompt = text(args, "prompt");
  const ids = wholes(args, "token-ids");
  const given = [words, prompt, ids].filter((one) => one !== undefined);
  if (given.length === 0 && optional) return "";
  if (given.length !== 1 || given[0] === "") {
    const found = given.length > 1 ? "More than one prompt" : "No prompt";
    throw new UsageError(`${found}: pass words, --prompt, --token-ids, or - for standard input`);
  }
  if (ids !== undefined) return ids;
  if (words !== "-") return (prompt ?? words)!;
  const piped = utf8(await new Response(Deno.stdin.readable).bytes()).replace(/\n$/, "");
  if (piped === "") throw new UsageError("Standard input is empty: pipe the prompt into it");
  return piped;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError("Standard input is no text in UTF-8: convert it");
  }
}

function report(
  runtime: Runtime,
  outcome: Outcome,
  profile: readonly ProfileEntry[] | undefined,
): object {
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
    ...(profile && { profile }),
  };
}

async function summarize(
  outcome: Outcome,
  profile: readonly ProfileEntry[] | undefined,
): Promise<void> {
  if (!outcome.text.endsWith("\n")) await write("\n");
  const { promptTokens, promptMilliseconds, ids, milliseconds } = outcome;
  const prompt = rateText(promptTokens, promptMilliseconds);
  console.error(`prompt ${prompt}, generated ${rateText(ids.length, milliseconds)}`);
  if (profile) console.error(`\n${profileText(profile)}`);
}
