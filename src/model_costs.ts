/**
 * What a model has to read and to compute, whatever it runs on.
 *
 * @module
 */
import type { ModelConfig } from "./config.ts";
import { tensorShapes } from "./model/tensor_shapes.ts";
import { ELEMENT_BYTES } from "./ops.ts";
import type { Runtime } from "./runtime.ts";

/** Numbers in a model's weights, a tied head counted once. */
export function parameterCount(config: ModelConfig): number {
  let count = 0;
  for (const shape of tensorShapes(config).values()) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

/** Parameters of the layers' matrices: a prompt's tokens need no logits, but for the last. */
export function layerParameters(config: ModelConfig): number {
  let count = 0;
  for (const [name, shape] of tensorShapes(config)) {
    if (shape.length === 2 && name.startsWith("model.layers.")) count += shape[0]! * shape[1]!;
  }
  return count;
}

/**
 * Bytes that one decoded token must move: its share of all weights, which a batch reads once, the
 * states read and written, the caches read.
 */
export function bytesPerToken(runtime: Runtime, depth: number, batch: number): number {
  const { config, memory, attentionBudget, attentionRead } = runtime;
  const lookup = config.tiedEmbeddings
    ? 0
    : memory.weights * config.vocabularySize * config.hiddenSize / parameterCount(config);
  const row = 2 * config.kvHeads * config.headSize * ELEMENT_BYTES[runtime.cacheType];
  let state = 0;
  for (const kind of config.layers) {
    if (kind === "jet") {
      const { heads, keySize, valueSize, convolutionWidth } = config.jet!;
      const recurrent = keySize * ELEMENT_BYTES[runtime.stateType];
      state += 2 * heads * valueSize * (recurrent + (convolutionWidth - 1) * ELEMENT_BYTES.f32);
    } else {
      const most = kind === "swa" ? config.window : Math.min(attentionBudget, attentionRead);
      state += row * Math.min(depth, most);
    }
  }
  return (memory.weights - lookup) / batch + state;
}
