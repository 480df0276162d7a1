/**
 * The options that say how tokens are chosen.
 *
 * @module
 */
import type { GenerateOptions } from "../options.ts";
import { flag, number, present, texts, whole } from "./arguments.ts";
import { type CommandArguments, type OptionHelp, UsageError } from "./command.ts";

/** Options of every command that generates. */
export const SAMPLING_OPTIONS: Readonly<Record<string, OptionHelp>> = {
  "max-tokens": { type: "string", short: "n", value: "N", help: "most tokens to generate" },
  temperature: { type: "string", short: "t", value: "X", help: "0 takes the most probable token" },
  "top-k": { type: "string", value: "N", help: "keep the N most probable tokens; 0 keeps all" },
  "top-p": { type: "string", value: "X", help: "keep the tokens that reach this probability" },
  "min-p": { type: "string", value: "X", help: "drop tokens below this share of the first one" },
  "repetition-penalty": { type: "string", value: "X", help: "1 is off" },
  "presence-penalty": { type: "string", value: "X", help: "0 is off" },
  "frequency-penalty": { type: "string", value: "X", help: "0 is off" },
  seed: { type: "string", short: "s", value: "N", help: "makes the choice repeatable" },
  stop: { type: "string", multiple: true, value: "TEXT", help: "ends the text; can be repeated" },
  "ignore-eos": { type: "boolean", help: "go on past the model's end tokens" },
};

/** What the arguments say of sampling. Throws a {@linkcode UsageError}. */
export function samplingOptions(args: CommandArguments): GenerateOptions {
  const stop = texts(args, "stop");
  if (stop.includes("")) throw new UsageError("--stop is empty: pass at least one character");
  return present<GenerateOptions>({
    maxTokens: whole(args, "max-tokens", 1),
    temperature: within(args, "temperature", 0, 100),
    topK: whole(args, "top-k", 0),
    topP: within(args, "top-p", 0, 1),
    minP: within(args, "min-p", 0, 1),
    repetitionPenalty: within(args, "repetition-penalty", 0.01, 100),
    presencePenalty: within(args, "presence-penalty", -100, 100),
    frequencyPenalty: within(args, "frequency-penalty", -100, 100),
    seed: whole(args, "seed", 0),
    stop: stop.length > 0 ? stop : undefined,
    ignoreEos: flag(args, "ignore-eos") || undefined,
  });
}

function within(
  args: CommandArguments,
  name: string,
  low: number,
  high: number,
): number | undefined {
  const value = number(args, name);
  if (value === undefined || (value >= low && value <= high)) return value;
  throw new UsageError(`--${name} is ${value}: pass a number from ${low} to ${high}`);
}
