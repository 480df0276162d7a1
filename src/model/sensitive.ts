/**
 * Which matrices need more bits than others.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";

/**
 * Whether a matrix has 8 bits where others have 4: embedding and head, what writes to the residual
 * stream out of a mixer, what makes the taps of the convolutions, and the few attention layers.
 * `docs/performance.md` has what each of them is worth.
 */
export function isSensitive(name: string, { layers }: Pick<ModelConfig, "layers">): boolean {
  if (name === "model.embed_tokens.weight" || name === "lm_head.weight") return true;
  if (/\.(?:o_proj|kernel_generator\.w2)\.weight$/.test(name)) return true;
  const [, layer] = name.match(/^model\.layers\.(\d+)\.self_attn\./) ?? [];
  return layer !== undefined && layers[Number(layer)] !== "jet";
}

/** Whether a matrix makes the gates of a JetBlock, whose errors act on every later token. */
export function isGate(name: string): boolean {
  return /\.self_attn\.[ab]_proj\.weight$/.test(name);
}
