/**
 * What becomes of each tensor of a model.
 *
 * @module
 */
import type { Checkpoint, TensorEntry } from "../checkpoint/checkpoint.ts";
import type { PlannedTensor } from "../checkpoint/layout.ts";
import type { ModelConfig } from "../config.ts";
import { tensorShapes } from "../model/tensor_shapes.ts";
import type { GroupFormat } from "./group_quantizer.ts";
import { packedBytes } from "./packing.ts";
import { formatOf, type Recipe } from "./recipe.ts";

/** A tensor of the model and what it becomes. */
export interface Job {
  readonly entry: TensorEntry;
  /** `undefined` when it stays as it is. */
  readonly format: GroupFormat | undefined;
  readonly outputs: readonly PlannedTensor[];
}

/** Looks for all tensors of a model. Throws an `Error` for one that is missing or wrong. */
export function planJobs(
  checkpoint: Checkpoint,
  config: ModelConfig,
  chosen: Recipe,
): Job[] {
  return Array.from(tensorShapes(config), ([name, shape]) => {
    const entry = checkpoint.entry(name, shape);
    const format = formatOf(name, shape, config, chosen);
    return { entry, format, outputs: format ? quantizedTensors(entry, format) : [entry] };
  });
}

/** The tensors that stand for a quantized matrix. */
function quantizedTensors(
  { name, shape }: TensorEntry,
  { bits, group }: GroupFormat,
): PlannedTensor[] {
  const [rows, columns] = shape as readonly [number, number];
  const words = packedBytes(columns, bits) / 4;
  const groups = columns / group;
  return [
    { name: `${name}_packed`, dtype: "I32", shape: [rows, words], bytes: 4 * rows * words },
    { name: `${name}_scale`, dtype: "BF16", shape: [rows, groups], bytes: 2 * rows * groups },
    { name: `${name}_shape`, dtype: "I64", shape: [2], bytes: 16 },
  ];
}
