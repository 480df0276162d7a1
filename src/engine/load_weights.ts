/**
 * Loads the weights: from a checkpoint, or out of the file that an earlier load has kept.
 *
 * @module
 */
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import { fingerprint, randomFingerprint } from "../checkpoint/fingerprint.ts";
import { WeightCache } from "../checkpoint/weight_cache.ts";
import type { ModelConfig } from "../config.ts";
import { CheckpointSource } from "../model/checkpoint_source.ts";
import { RandomSource } from "../model/random_source.ts";
import { CountingSupply } from "../model/weight_bytes.ts";
import type { WeightType } from "../model/weight_types.ts";
import { Weights, type WeightSource } from "../model/weights.ts";
import { PACKED_LAYOUT } from "../ops.ts";
import type { LoadProgress } from "../options.ts";
import type { EngineOptions, ModelSource } from "../protocol.ts";
import type { MemoryOps } from "../weight_memory.ts";

/** Rises when files of packed weights are written in another way, or other tensors. */
const FORMAT = 1;

/** Weights, and what is known of where they are from. */
export interface LoadedWeights {
  readonly weights: Weights;
  readonly fingerprint: string;
  /** The file that they are mapped from, where they were not converted. */
  readonly file: string | undefined;
}

/** Loads the weights of a model; nothing stays allocated when that fails. */
export function loadWeights(
  ops: MemoryOps,
  config: ModelConfig,
  model: ModelSource,
  { weights: type, cache }: Pick<EngineOptions, "weights" | "cache">,
  progress?: (progress: LoadProgress) => void,
): LoadedWeights {
  using stack = new DisposableStack();
  const origin = originOf(ops, config, model, stack);
  const { source, fingerprint } = origin;
  const made = (weights: Weights, file?: string) => ({ weights, fingerprint, file });
  const load = () => new Weights(ops, config, source, { type, progress });
  if (cache === false) return made(load());
  const file = new WeightCache(cachePath(cache, origin, type), {
    format: FORMAT,
    layout: PACKED_LAYOUT,
    weights: type,
    config,
    fingerprint,
    files: origin.files,
  });
  const cached = file.open(ops);
  if (cached) {
    stack.use(cached);
    return made(new Weights(ops, config, source, { type, progress, supply: cached }), file.path);
  }
  // Begun first: whoever may not write hears of it before the long work.
  const fresh = stack.use(file.create());
  using weights = new DisposableStack();
  const converted = weights.use(load());
  fresh.write(ops, converted.tensors);
  weights.move();
  return made(converted);
}

/** Bytes that weights of a type would need. */
export function weightBytes(
  ops: MemoryOps,
  config: ModelConfig,
  model: ModelSource,
  type: WeightType,
): number {
  using stack = new DisposableStack();
  const { source } = originOf(ops, config, model, stack);
  const supply = new CountingSupply();
  using _weights = new Weights(ops, config, source, { type, supply });
  return supply.bytes;
}

/** Where weights come from, and what tells them from others. */
interface Origin {
  readonly source: WeightSource;
  readonly fingerprint: string;
  /** Name, bytes and time of change of each file. */
  readonly files: readonly (readonly [name: string, bytes: number, changed: number])[];
  /** Where the files are. */
  readonly folder: string | undefined;
}

function originOf(
  ops: MemoryOps,
  config: ModelConfig,
  model: ModelSource,
  stack: DisposableStack,
): Origin {
  return model.kind === "random"
    ? randomOrigin(ops, config, model.seed)
    : checkpointOrigin(ops, config, model.folder, stack);
}

function randomOrigin(ops: MemoryOps, config: ModelConfig, seed: number): Origin {
  const fingerprint = randomFingerprint(config, seed);
  return { source: new RandomSource(ops, seed), fingerprint, files: [], folder: undefined };
}

function checkpointOrigin(
  ops: MemoryOps,
  config: ModelConfig,
  folder: string,
  stack: DisposableStack,
): Origin {
  const checkpoint = Checkpoint.open(folder);
  const files = checkpoint.paths.map((path) => {
    const { size, mtime } = Deno.statSync(path);
    return [path.slice(path.lastIndexOf("/") + 1), size, mtime?.getTime() ?? 0] as const;
  });
  const source = stack.use(new CheckpointSource(ops, checkpoint));
  return { source, fingerprint: fingerprint(config, checkpoint.paths), files, folder };
}

/** The file beside the model, or in a folder that may have those of other models. */
function cachePath(cache: true | string, { fingerprint, folder }: Origin, type: WeightType) {
  if (cache !== true) return `${cache}/${fingerprint.slice(0, 16)}-${type}.weights`;
  if (folder !== undefined) return `${folder}/contrail-${type}.weights`;
  throw new TypeError("cache is true, but random weights are in no folder: pass the path of one");
}
