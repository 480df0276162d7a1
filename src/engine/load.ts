/**
 * Builds an engine: weights, states, scratch memory.
 *
 * @module
 */
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../config.ts";
import { BatchBuffers } from "../model/batch.ts";
import { CheckpointSource } from "../model/checkpoint_source.ts";
import { JetNemotron } from "../model/jet_nemotron.ts";
import { RandomSource } from "../model/random_source.ts";
import { StatePool } from "../model/state.ts";
import type { WeightType } from "../model/weight_types.ts";
import { Weights, type WeightsSummary } from "../model/weights.ts";
import type { MemoryReport } from "../options.ts";
import type { Ops } from "../ops.ts";
import type { EngineOptions, ModelSource } from "../protocol.ts";
import { Engine } from "./engine.ts";

/** Operators that know how much memory they gave out. */
export interface MeasuredOps extends Ops {
  readonly bytes: number;
}

/** An engine with everything that it runs on. Disposing it frees it all. */
export interface LoadedEngine extends Disposable {
  readonly engine: Engine;
  readonly memory: MemoryReport;
  readonly weightsType: WeightsSummary;
}

/** Loads a model and allocates the states of all sessions; a failure leaves nothing allocated. */
export function loadEngine(
  ops: MeasuredOps,
  config: ModelConfig,
  source: ModelSource,
  options: EngineOptions,
): LoadedEngine {
  using stack = new DisposableStack();
  const atStart = ops.bytes;
  const weights = stack.use(loadWeights(ops, config, source, options.weights));
  const weightBytes = ops.bytes - atStart;
  const pool = stack.use(
    new StatePool(ops, config, {
      slots: options.sessions,
      attentionBudget: options.attentionBudget,
      maxSegment: options.prefillPiece,
      cacheType: options.cacheType,
    }),
  );
  const maxRows = options.prefillPiece + options.sessions;
  const batch = stack.use(new BatchBuffers(ops, pool, maxRows));
  const { deltaChunk, prefillPiece } = options;
  const model = stack.use(new JetNemotron(ops, config, weights, pool, { maxRows, deltaChunk }));
  const engine = stack.use(new Engine({ ops, config, model, pool, batch, prefillPiece }));
  const memory = {
    weights: weightBytes,
    scratch: ops.bytes - atStart - weightBytes - pool.bytes * pool.slots,
    session: pool.bytes,
    sessions: pool.slots,
  };
  const owned = stack.move();
  return {
    engine,
    memory,
    weightsType: weights.type,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function loadWeights(
  ops: Ops,
  config: ModelConfig,
  source: ModelSource,
  type: WeightType,
): Weights {
  if (source.kind === "random") {
    return new Weights(ops, config, new RandomSource(ops, source.seed), type);
  }
  using files = new CheckpointSource(ops, Checkpoint.open(source.folder));
  return new Weights(ops, config, files, type);
}
