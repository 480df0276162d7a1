/**
 * Checks the options of a generation and completes them with the model's defaults.
 *
 * @module
 */
import type { GenerateOptions, SamplingOptions } from "./options.ts";
import type { GenerateRequest } from "./protocol.ts";

/** What {@linkcode generateRequest} completes the options with. */
export interface GenerateDefaults {
  readonly sampling: SamplingOptions;
  readonly maxTokens: number;
  readonly endTokens: readonly number[];
  readonly vocabularySize: number;
}

/** Checks `options`. Throws a `RangeError` or `TypeError` that names the one that is wrong. */
export function generateRequest(
  options: GenerateOptions,
  defaults: GenerateDefaults,
): GenerateRequest {
  const { vocabularySize, endTokens } = defaults;
  const given = { ...defaults.sampling, ...withoutUndefined(options) };
  const number = (name: keyof SamplingOptions, fallback: number, low: number, high: number) =>
    inRange(name, (given[name] ?? fallback) as number, low, high);
  const whole = (name: string, value: number, low: number, high: number) => {
    if (!Number.isInteger(value)) {
      throw new RangeError(`${name} is ${value}: pass a whole number`);
    }
    return inRange(name, value, low, high);
  };
  const { stopIds = [], ignoreEos = false, lookahead = 0, topLogprobs = 0 } = options;
  for (const id of stopIds) whole("stopIds", id, 0, vocabularySize - 1);
  const bias = Object.entries(given.logitBias ?? {}).map(([id, value]) =>
    [
      whole("logitBias", Number(id), 0, vocabularySize - 1),
      inRange(`logitBias[${id}]`, value, -100, 100),
    ] as const
  );
  return {
    sampling: {
      temperature: number("temperature", 1, 0, 100),
      topK: whole("topK", given.topK ?? 0, 0, vocabularySize),
      topP: number("topP", 1, 0, 1),
      minP: number("minP", 0, 0, 1),
      repetitionPenalty: number("repetitionPenalty", 1, 0.01, 100),
      presencePenalty: number("presencePenalty", 0, -100, 100),
      frequencyPenalty: number("frequencyPenalty", 0, -100, 100),
      logitBias: bias,
      continues: given.seed === undefined,
      seed: whole("seed", given.seed ?? randomSeed(), 0, Number.MAX_SAFE_INTEGER),
      topLogprobs: whole("topLogprobs", topLogprobs, 0, Math.min(20, vocabularySize)),
    },
    endTokens: ignoreEos ? stopIds : [...endTokens, ...stopIds],
    maxTokens: whole("maxTokens", options.maxTokens ?? defaults.maxTokens, 1, 2 ** 31),
    credit: 1 + whole("lookahead", lookahead, 0, 2 ** 20),
  };
}

/** The stop texts of `options`, as a list. */
export function stopTexts(options: GenerateOptions): readonly string[] {
  const { stop = [] } = options;
  const texts = typeof stop === "string" ? [stop] : stop;
  if (texts.some((text) => typeof text !== "string" || text === "")) {
    throw new TypeError("stop holds an empty text: pass texts of at least one character");
  }
  return texts;
}

function inRange(name: string, value: number, low: number, high: number): number {
  if (typeof value !== "number" || !(value >= low && value <= high)) {
    throw new RangeError(`${name} is ${value}: pass a number from ${low} to ${high}`);
  }
  return value;
}

function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as T;
}

function randomSeed(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  return (high & 0x1fffff) * 2 ** 32 + low;
}
