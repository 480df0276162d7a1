/**
 * The forward pass of Jet-Nemotron, and of Qwen2 and Qwen3, which are the same model with attention
 * in every layer.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import type { Ops, Tensor } from "../ops.ts";
import {
  ActivationBuffers,
  type AttentionActivations,
  type JetActivations,
} from "./activations.ts";
import type { Batch } from "./batch.ts";
import type { AttentionState, JetState, StatePool } from "./state.ts";
import type { PageLists, TableTensors } from "./table_buffers.ts";
import type { AttentionWeights, JetWeights, Weights } from "./weights.ts";

/** Options of {@linkcode JetNemotron}. */
export interface ModelOptions {
  /** Most tokens in one pass. */
  readonly maxRows: number;
  /**
   * Tokens of one step of the chunked gated delta rule; 0 runs the recurrence token by token,
   * always.
   */
  readonly deltaChunk: number;
}

/** A model: weights, the states of its sessions and the scratch memory of one pass. */
export class JetNemotron implements Disposable {
  readonly config: ModelConfig;
  readonly #ops: Ops;
  readonly #weights: Weights;
  readonly #pool: StatePool;
  readonly #activations: ActivationBuffers;
  readonly #deltaChunk: number;

  constructor(
    ops: Ops,
    config: ModelConfig,
    weights: Weights,
    pool: StatePool,
    options: ModelOptions,
  ) {
    this.config = config;
    this.#ops = ops;
    this.#weights = weights;
    this.#pool = pool;
    this.#activations = new ActivationBuffers(ops, config, options.maxRows);
    this.#deltaChunk = options.deltaChunk;
  }

  /**
   * Runs a batch through all layers and brings its states up to date. Returns `hidden[N, D]` after
   * the final norm.
   */
  forward(batch: Batch): Tensor {
    const ops = this.#ops;
    const epsilon = this.config.normEpsilon;
    const { x, normed, y, gateUp, gate, up, jet, attention } = this.#activations.rows(batch.rows);
    ops.embedding(x, this.#weights.embedding, batch.tokens);
    for (const [index, layer] of this.#weights.layers.entries()) {
      const state = this.#pool.layers[index]!;
      ops.rmsNorm(normed, x, layer.inputNorm, epsilon);
      if (layer.mixer.kind === "jet") {
        this.#jet(y, normed, layer.mixer, state as JetState, jet, batch);
      } else {
        this.#attention(y, normed, layer.mixer, state as AttentionState, attention, batch);
      }
      ops.add(x, x, y);
      ops.rmsNorm(normed, x, layer.postNorm, epsilon);
      ops.linear(gateUp, normed, layer.gateUp);
      ops.swiglu(gate, gate, up);
      ops.linear(y, gate, layer.down);
      ops.add(x, x, y);
    }
    ops.rmsNorm(normed, x, this.#weights.finalNorm, epsilon);
    return normed;
  }

  /** `logits[N, vocabulary]` of rows that {@linkcode forward} returned. */
  logits(logits: Tensor, hidden: Tensor): void {
    this.#ops.linear(logits, hidden, this.#weights.head);
  }

  #jet(
    y: Tensor,
    x: Tensor,
    w: JetWeights,
    state: JetState,
    t: JetActivations,
    batch: Batch,
  ): void {
    const ops = this.#ops;
    const { segments, slots } = batch;
    ops.linear(t.input, x, w.input);
    ops.linear(t.gates, x, w.gates);
    ops.silu(t.generator, t.generator);
    ops.linear(t.taps, t.generator, w.taps, w.tapsBias);
    ops.dynamicConvolution(t.convolved, t.v, t.taps, state.convolution, segments, slots);
    // deno-fmt-ignore
    ops.gatedDelta(t.mixed, t.q, t.k, t.convolved, t.a, t.b, w.aLog, w.dtBias,
      state.recurrent, segments, slots, this.#deltaChunk);
    ops.gatedNorm(t.mixed, t.mixed, t.outputGate, w.outputNorm, this.config.jet!.normEpsilon);
    ops.linear(y, t.mixed, w.output);
  }

  #attention(
    y: Tensor,
    x: Tensor,
    w: AttentionWeights,
    state: AttentionState,
    t: AttentionActivations,
    batch: Batch,
  ): void {
    const ops = this.#ops;
    const { headSize, ropeTheta } = this.config;
    const { positions, segments } = batch;
    const { keys, values, bounds } = state;
    const table = batch.tables[state.table]!;
    const window = w.kind === "swa" ? this.config.window : 0;
    ops.linear(t.input, x, w.input, w.inputBias);
    if (w.headNorms) {
      ops.rmsNorm(t.q, t.q, w.headNorms.query, this.config.normEpsilon);
      ops.rmsNorm(t.k, t.k, w.headNorms.key, this.config.normEpsilon);
    }
    ops.rotary(t.rotated, t.rotated, positions, headSize, ropeTheta);
    ops.cacheAppend(keys, values, t.k, t.v, table.rows, bounds);
    const { pages, starts, shifts } = bounds ? this.#score(t.q, bounds, table, batch) : table;
    // deno-fmt-ignore
    ops.attention(t.mixed, t.q, keys, values, positions, segments, pages, starts, shifts,
      headSize, window, ropeTheta);
    ops.linear(y, t.mixed, w.output);
  }

  /** Scores the pages of full attention, and returns those to read. */
  #score(q: Tensor, bounds: Tensor, table: TableTensors, batch: Batch): PageLists {
    const { headSize, ropeTheta } = this.config;
    const { positions, segments } = batch;
    const { scores, chosen, pages, starts, shifts } = table;
    // deno-fmt-ignore
    this.#ops.pageScores(scores!, q, bounds, positions, segments, pages, starts, shifts,
      headSize, ropeTheta);
    if (!chosen) return table;
    // deno-fmt-ignore
    this.#ops.selectPages(chosen.pages, chosen.starts, chosen.shifts, scores!, pages, starts,
      shifts, chosen.recent);
    return chosen;
  }

  [Symbol.dispose](): void {
    this.#activations[Symbol.dispose]();
  }
}
