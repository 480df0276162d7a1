/**
 * A model's own defaults for generation, from its `generation_config.json`.
 *
 * @module
 */
import { Fields } from "./json_fields.ts";
import type { SamplingOptions } from "./options.ts";

/** How a model's authors generate with it. */
export interface GenerationConfig {
  /** Ids of the tokens that end a text; may be empty. */
  readonly endTokens: readonly number[];
  /** Only what the file says. */
  readonly sampling: Readonly<
    Pick<SamplingOptions, "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty">
  >;
  /** Most tokens to generate, when the file says so. */
  readonly maxTokens?: number;
}

const MAX_INTEGER = 2 ** 31 - 1;

/**
 * Reads a parsed `generation_config.json`. `source` is what errors call the file.
 *
 * `do_sample: false` is temperature 0. A file without `do_sample` leaves the temperature as it is.
 * Ranges are those of {@linkcode SamplingOptions}. Throws an `Error` that names the field that is
 * of the wrong type or out of range; every field may be missing or null.
 *
 * @example
 * ```ts ignore
 * parseGenerationConfig({ eos_token_id: 7, do_sample: true, top_p: 0.8 }, "the defaults");
 * // { endTokens: [7], sampling: { topP: 0.8 } }
 * ```
 */
export function parseGenerationConfig(json: unknown, source: string): GenerationConfig {
  const fields = new Fields(json, source);
  const greedy = fields.has("do_sample") && !fields.boolean("do_sample");
  const number = <Name extends string>(name: Name, field: string, low: number, high: number) =>
    optional(name, fields.has(field), () => fields.number(field, low, high));
  const integer = <Name extends string>(name: Name, field: string, low: number) =>
    optional(name, fields.has(field), () => fields.integer(field, low, MAX_INTEGER));
  return {
    endTokens: fields.integers("eos_token_id", 0, MAX_INTEGER),
    sampling: {
      ...number("temperature", "temperature", 0, 100),
      ...(greedy && { temperature: 0 }),
      ...integer("topK", "top_k", 0),
      ...number("topP", "top_p", 0, 1),
      ...number("minP", "min_p", 0, 1),
      ...number("repetitionPenalty", "repetition_penalty", 0.01, 100),
    },
    ...integer("maxTokens", "max_new_tokens", 1),
  };
}

/** An object with the field when it is there, and without it otherwise. */
function optional<Name extends string>(
  name: Name,
  present: boolean,
  read: () => number,
): Partial<Record<Name, number>> {
  return present ? { [name]: read() } as Record<Name, number> : {};
}
