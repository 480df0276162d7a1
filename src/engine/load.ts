/**
 * Builds an engine: weights, states, scratch memory.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import { BatchBuffers } from "../model/batch.ts";
import { JetNemotron } from "../model/jet_nemotron.ts";
import { LEAST_PAGES } from "../model/page_table.ts";
import { slotBytes, type StateOptions, StatePool } from "../model/state.ts";
import type { WeightsSummary } from "../model/weights.ts";
import type { LoadProgress } from "../options.ts";
import type { MemoryReport } from "../reports.ts";
import type { EngineOptions, ModelSource } from "../protocol.ts";
import { PAGE_TOKENS } from "../ops.ts";
import type { RecordingOps } from "../recording.ts";
import type { MemoryOps } from "../weight_memory.ts";
import { Engine } from "./engine.ts";
import { loadWeights, weightBytes } from "./load_weights.ts";
import { type MemoryNeeds, withAdvice } from "./memory_advice.ts";
import { WorkCount } from "./work_count.ts";

/** Tokens after which a session's state is kept in any case, so that it can go back. */
const CHECKPOINT_INTERVAL = 2048;

/** As many as `sessions` allows. */
const MOST_SESSIONS = 65536;

/** An engine with everything that it runs on. Disposing it frees it all. */
export interface LoadedEngine extends Disposable {
  readonly engine: Engine;
  readonly memory: MemoryReport;
  readonly work: WorkCount;
  readonly weightsType: WeightsSummary;
  /** The file that the weights are mapped from, where they were not converted. */
  readonly weightsFile: string | undefined;
  /** Tells this model from others. */
  readonly fingerprint: string;
}

/**
 * Loads a model and allocates the states of all sessions; a failure leaves nothing allocated.
 * `progress` hears how far it is.
 *
 * @throws {OutOfMemoryError} It does not fit; the message says which options would.
 */
export function loadEngine(
  ops: MemoryOps & RecordingOps,
  config: ModelConfig,
  source: ModelSource,
  options: EngineOptions,
  progress?: (progress: LoadProgress) => void,
): LoadedEngine {
  try {
    return allocateEngine(ops, config, source, options, progress);
  } catch (error) {
    throw withAdvice(error, () => memoryNeeds(ops, config, source, options));
  }
}

function allocateEngine(
  ops: MemoryOps & RecordingOps,
  config: ModelConfig,
  source: ModelSource,
  options: EngineOptions,
  progress: ((progress: LoadProgress) => void) | undefined,
): LoadedEngine {
  using stack = new DisposableStack();
  const atStart = ops.bytes;
  const loaded = loadWeights(ops, config, source, options, progress);
  const weights = stack.use(loaded.weights);
  const bytesOfWeights = ops.bytes - atStart;
  const { attentionRead, prefillPiece, deltaChunk } = options;
  const states = stateOptions(options);
  const slots = slotCount(options, slotBytes(config, states));
  const pool = stack.use(new StatePool(ops, config, { ...states, slots }));
  const maxRows = prefillPiece + slots;
  const batch = stack.use(
    new BatchBuffers(ops, pool, { maxRows, maxSegment: prefillPiece, attentionRead }),
  );
  const model = stack.use(new JetNemotron(ops, config, weights, pool, { maxRows, deltaChunk }));
  const work = new WorkCount();
  const engine = stack.use(
    new Engine({
      ops,
      config,
      model,
      pool,
      batch,
      work,
      deltaChunk,
      prefillPiece,
      fingerprint: loaded.fingerprint,
      checkpoints: {
        maxBytes: options.prefixCache,
        interval: CHECKPOINT_INTERVAL,
        fingerprint: loaded.fingerprint,
        work,
      },
    }),
  );
  const memory = {
    weights: bytesOfWeights,
    scratch: ops.bytes - atStart - bytesOfWeights - pool.bytes * slots,
    session: pool.bytes,
    sessions: slots,
    prefixCache: options.prefixCache,
  };
  const owned = stack.move();
  return {
    engine,
    memory,
    work,
    weightsType: weights.type,
    weightsFile: loaded.file,
    fingerprint: loaded.fingerprint,
    [Symbol.dispose]: () => owned.dispose(),
  };
}

function stateOptions(options: EngineOptions): Omit<StateOptions, "slots"> {
  const { attentionBudget, cacheType, stateType, prefillPiece } = options;
  return { attentionBudget, cacheType, stateType, maxSegment: prefillPiece };
}

function memoryNeeds(
  ops: MemoryOps,
  config: ModelConfig,
  source: ModelSource,
  options: EngineOptions,
): MemoryNeeds {
  const states = stateOptions(options);
  const session = slotBytes(config, states);
  const leastBudget = LEAST_PAGES * PAGE_TOKENS;
  return {
    weights: options.weights,
    sessions: slotCount(options, session),
    session,
    leastSession: slotBytes(config, { ...states, attentionBudget: leastBudget }),
    weightBytes: (type) => weightBytes(ops, config, source, type),
  };
}

/** Sessions that are asked for, or that fit into the memory that is. */
function slotCount({ sessions, memory }: EngineOptions, bytes: number): number {
  if (memory === undefined) return sessions;
  const count = Math.min(Math.floor(memory / bytes), MOST_SESSIONS);
  if (count > 0) return count;
  throw new RangeError(
    `memory is ${memory} bytes and one session needs ${bytes}: pass that much or more, or a ` +
      `smaller attentionBudget`,
  );
}
