/**
 * The names that the parts of packed matrices have in a checkpoint.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import type { Weights } from "../model/weights.ts";
import type { Tensor } from "../ops.ts";

/** Names of the matrices that each tensor is made of, for all that `Ops.linear` multiplies with. */
export function matrixNames(weights: Weights, config: ModelConfig): Map<Tensor, string[]> {
  const names = new Map<Tensor, string[]>();
  const head = config.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  names.set(weights.head, [head]);
  for (const [index, { mixer, gateUp, down }] of weights.layers.entries()) {
    const attention = `model.layers.${index}.self_attn`;
    const mlp = `model.layers.${index}.mlp`;
    const projections = (letters: string) =>
      [...letters].map((letter) => `${attention}.${letter}_proj.weight`);
    if (mixer.kind === "jet") {
      const generator = `${attention}.dynamic_conv1d.kernel_generator`;
      names.set(mixer.input, [...projections("qkvg"), `${generator}.w1.weight`]);
      names.set(mixer.taps, [`${generator}.w2.weight`]);
    } else {
      names.set(mixer.input, projections("qkv"));
    }
    names.set(mixer.output, projections("o"));
    names.set(gateUp, [`${mlp}.gate_proj.weight`, `${mlp}.up_proj.weight`]);
    names.set(down, [`${mlp}.down_proj.weight`]);
  }
  return names;
}
