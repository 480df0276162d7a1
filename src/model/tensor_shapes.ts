/**
 * The tensors of a checkpoint: every name with its shape, as the official files have them.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";

/** Shape of each tensor that a model of this configuration needs, by its name in the checkpoint. */
export function tensorShapes(config: ModelConfig): Map<string, readonly number[]> {
  const { hiddenSize: D, intermediateSize: F, vocabularySize, heads, kvHeads, headSize } = config;
  const shapes = new Map<string, readonly number[]>();
  shapes.set("model.embed_tokens.weight", [vocabularySize, D]);
  shapes.set("model.norm.weight", [D]);
  if (!config.tiedEmbeddings) shapes.set("lm_head.weight", [vocabularySize, D]);
  for (const [index, kind] of config.layers.entries()) {
    const layer = `model.layers.${index}`;
    shapes.set(`${layer}.input_layernorm.weight`, [D]);
    shapes.set(`${layer}.post_attention_layernorm.weight`, [D]);
    shapes.set(`${layer}.mlp.gate_proj.weight`, [F, D]);
    shapes.set(`${layer}.mlp.up_proj.weight`, [F, D]);
    shapes.set(`${layer}.mlp.down_proj.weight`, [D, F]);
    const mixer = `${layer}.self_attn`;
    if (kind === "jet") {
      const jet = config.jet!;
      const Dk = jet.heads * jet.keySize;
      const Dv = jet.heads * jet.valueSize;
      const generator = `${mixer}.dynamic_conv1d.kernel_generator`;
      shapes.set(`${mixer}.q_proj.weight`, [Dk, D]);
      shapes.set(`${mixer}.k_proj.weight`, [Dk, D]);
      shapes.set(`${mixer}.v_proj.weight`, [Dv, D]);
      shapes.set(`${mixer}.g_proj.weight`, [Dv, D]);
      shapes.set(`${mixer}.a_proj.weight`, [jet.heads, D]);
      shapes.set(`${mixer}.b_proj.weight`, [jet.heads, D]);
      shapes.set(`${mixer}.A_log`, [jet.heads]);
      shapes.set(`${mixer}.dt_bias`, [jet.heads]);
      shapes.set(`${generator}.w1.weight`, [jet.generatorSize, D]);
      shapes.set(`${generator}.w2.weight`, [Dv * jet.convolutionWidth, jet.generatorSize]);
      shapes.set(`${generator}.w2.bias`, [Dv * jet.convolutionWidth]);
      shapes.set(`${mixer}.o_norm.weight`, [jet.valueSize]);
      shapes.set(`${mixer}.o_proj.weight`, [D, Dv]);
    } else {
      for (const [name, count] of [["q", heads], ["k", kvHeads], ["v", kvHeads]] as const) {
        shapes.set(`${mixer}.${name}_proj.weight`, [count * headSize, D]);
        if (config.modelType === "qwen3") continue;
        shapes.set(`${mixer}.${name}_proj.bias`, [count * headSize]);
      }
      if (config.modelType === "qwen3") {
        for (const name of ["q_norm", "k_norm"]) shapes.set(`${mixer}.${name}.weight`, [headSize]);
      }
      shapes.set(`${mixer}.o_proj.weight`, [D, heads * headSize]);
    }
  }
  return shapes;
}
