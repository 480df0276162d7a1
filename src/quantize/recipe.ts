/**
 * Which matrices of a model are quantized, how, and what `config.json` says of it.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import { isGate, isSensitive } from "../model/sensitive.ts";
import type { GroupFormat } from "./group_quantizer.ts";

/** What a model is quantized to. */
export interface Recipe {
  /** Format of most matrices. */
  readonly matrix: GroupFormat;
  /** Format of those that {@linkcode isSensitive} names. */
  readonly sensitive: GroupFormat;
}

const SMALLEST_GROUP = 32;

/** The recipe of a kind of weights; `group` is by default 32 with q4 and 64 with q8. */
export function recipe(weights: "q4" | "q8", group?: 32 | 64): Recipe {
  const bytes: GroupFormat = { bits: 8, group: weights === "q8" ? group ?? 64 : 64 };
  const matrix: GroupFormat = weights === "q8" ? bytes : { bits: 4, group: group ?? 32 };
  return { matrix, sensitive: bytes };
}

/**
 * The format of a tensor, `undefined` where it stays as it is: vectors, the projections of the
 * gates, whose errors act on every later token, and what does not divide into groups.
 */
export function formatOf(
  name: string,
  shape: readonly number[],
  config: ModelConfig,
  { matrix, sensitive }: Recipe,
): GroupFormat | undefined {
  if (shape.length !== 2 || isGate(name)) return undefined;
  const { bits, group } = isSensitive(name, config) ? sensitive : matrix;
  const columns = shape[1]!;
  if (columns % group === 0) return { bits, group };
  return columns % SMALLEST_GROUP === 0 ? { bits, group: SMALLEST_GROUP } : undefined;
}

/**
 * The `quantization_config` of `config.json`, in the form of the compressed-tensors library, for
 * matrices with these formats.
 */
export function quantizationConfig(
  { matrix }: Recipe,
  formats: ReadonlyMap<string, GroupFormat | undefined>,
): object {
  const key = ({ bits, group }: GroupFormat) => `${bits} ${group}`;
  // Modules that are named go before those of a class.
  const targets = new Map([[key(matrix), { format: matrix, names: ["Linear"] }]]);
  const ignore: string[] = [];
  for (const [name, format] of formats) {
    const module = name.replace(/\.weight$/, "");
    if (!format) ignore.push(module);
    else if (!targets.has(key(format))) targets.set(key(format), { format, names: [module] });
    else if (isEmbedding(name) || key(format) !== key(matrix)) {
      targets.get(key(format))!.names.push(module);
    }
  }
  const groups = [...targets.values()].map(({ format, names }, i) => [
    `group_${i}`,
    scheme(format, names),
  ]);
  return {
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    quantization_status: "compressed",
    config_groups: Object.fromEntries(groups),
    ignore,
    kv_cache_scheme: null,
    global_compression_ratio: null,
  };
}

function scheme({ bits, group }: GroupFormat, targets: readonly string[]): object {
  return {
    targets,
    weights: {
      num_bits: bits,
      type: "int",
      symmetric: true,
      strategy: "group",
      group_size: group,
      dynamic: false,
      actorder: null,
      block_structure: null,
    },
    input_activations: null,
    output_activations: null,
  };
}

/** Whether a matrix is of no module of the class Linear. */
function isEmbedding(name: string): boolean {
  return name === "model.embed_tokens.weight";
}
