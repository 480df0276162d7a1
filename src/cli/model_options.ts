/**
 * The options with which commands load a model.
 *
 * @module
 */
import type { LoadProgress, RuntimeOptions } from "../options.ts";
import { Runtime } from "../runtime.ts";
import { DEVICES, isOneGpu } from "../runtime_options.ts";
import { bytes, choice, flag, number, present, text, whole } from "./arguments.ts";
import { type CommandArguments, type OptionHelp, UsageError } from "./command.ts";
import { cacheFolder } from "./environment.ts";
import { barText } from "./progress_bar.ts";
import { ProgressLine } from "./progress_line.ts";

/** Options of every command that loads a model. */
export const MODEL_OPTIONS: Readonly<Record<string, OptionHelp>> = {
  model: {
    type: "string",
    short: "m",
    value: "MODEL",
    help: "folder, or ORG/NAME of a pulled model (default models/fable)",
  },
  random: {
    type: "string",
    value: "CONFIG.json",
    help: "in place of a model: random weights of this shape, to measure with",
  },
  weights: { type: "string", value: "TYPE", help: "auto, f32, bf16, q8 or q4 (default auto)" },
  cache: { type: "boolean", help: "keep the weights as the kernels read them beside the model" },
  "cache-in": { type: "string", value: "FOLDER", help: "the same, in this folder" },
  "state-type": { type: "string", value: "TYPE", help: "recurrent states: f32 (default) or bf16" },
  "cache-type": { type: "string", value: "TYPE", help: "keys and values: f32 or bf16 (default)" },
  "attention-budget": {
    type: "string",
    value: "N",
    help: "tokens that a session's full attention holds (default 4096)",
  },
  "attention-read": {
    type: "string",
    value: "N",
    help: "tokens that it reads of those, at most (default all)",
  },
  memory: {
    type: "string",
    value: "BYTES",
    help: "for the states of all sessions, such as 512MB or 2GiB: as many as fit",
  },
  "prefix-cache": {
    type: "string",
    value: "BYTES",
    help: "for states of earlier prompts (default 256MiB; 0 keeps none)",
  },
  device: { type: "string", value: "NAME", help: "cpu (default), cuda, cuda:1, metal or emulator" },
  threads: { type: "string", value: "N", help: "threads (default 0: one for each core)" },
  "instruction-set": { type: "string", value: "NAME", help: "of the CPU kernels (default auto)" },
};

/** Option of the commands that can show the time of each operator. */
export const PROFILE_OPTION: Readonly<Record<string, OptionHelp>> = {
  profile: { type: "boolean", help: "show how long each operator took" },
};

/** Option of the commands that can open several sessions. */
export const SESSIONS_OPTION: Readonly<Record<string, OptionHelp>> = {
  sessions: { type: "string", value: "N", help: "sessions that can be open at once (default 8)" },
};

/**
 * Loads the model that the arguments name, or makes the random one that they describe; what is in
 * `instead` counts more than they. `--memory` takes the place of a number of sessions.
 */
export async function loadModel(
  args: CommandArguments,
  defaults: RuntimeOptions = {},
  instead: RuntimeOptions & { model?: string } = {},
): Promise<Runtime> {
  const { model = text(args, "model"), ...others } = instead;
  const given = runtimeOptions(args);
  const { sessions, ...rest } = defaults;
  const options = {
    ...rest,
    ...(sessions === undefined || given.memory !== undefined ? {} : { sessions }),
    ...given,
    ...others,
  };
  const config = text(args, "random");
  using line = new ProgressLine();
  const name = config ?? model ?? "the small model";
  line.show(`Loading ${name} …`);
  const told = {
    ...options,
    progress: ({ weights, totalWeights }: LoadProgress) =>
      line.show(`${barText(weights / totalWeights)} of ${name} loaded`),
  };
  if (config === undefined) return await Runtime.load(model ?? defaultModel(), told);
  if (model === undefined) return await Runtime.random(config, told);
  throw new UsageError(`--model is "${model}" and --random is "${config}": pass one of them`);
}

/** The folder of the model that comes with the project. */
function defaultModel(): string {
  return decodeURIComponent(new URL("../../models/fable", import.meta.url).pathname);
}

function runtimeOptions(args: CommandArguments): RuntimeOptions {
  const budget = number(args, "attention-budget");
  if (budget !== undefined && !(budget >= 1)) {
    throw new UsageError(`--attention-budget is ${budget}: pass a number of at least 1`);
  }
  const device = text(args, "device");
  const memory = bytes(args, "memory");
  const sessions = whole(args, "sessions", 1);
  if (memory !== undefined && sessions !== undefined) {
    throw new UsageError("--sessions and --memory are both given: pass one of them");
  }
  return present<RuntimeOptions>({
    device: isOneGpu(device) ? device : choice(args, "device", DEVICES),
    weights: choice(args, "weights", ["auto", "f32", "bf16", "q8", "q4"]),
    cache: text(args, "cache-in") ?? (flag(args, "cache") || undefined),
    stateType: choice(args, "state-type", ["f32", "bf16"]),
    cacheType: choice(args, "cache-type", ["f32", "bf16"]),
    attentionBudget: budget,
    attentionRead: whole(args, "attention-read", 1),
    prefixCache: bytes(args, "prefix-cache"),
    profile: flag(args, "profile") || undefined,
    threads: whole(args, "threads", 0),
    instructionSet: text(args, "instruction-set"),
    sessions,
    memory,
    cacheFolder: cacheFolder(),
  });
}
