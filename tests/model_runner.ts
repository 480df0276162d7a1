/**
 * A model on any operators, driven pass by pass, with all that it computes in plain arrays.
 *
 * @module
 */
import { Checkpoint } from "../src/checkpoint/checkpoint.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { parseConfig } from "../src/config.ts";
import { BatchBuffers, type Segment } from "../src/model/batch.ts";
import { CheckpointSource } from "../src/model/checkpoint_source.ts";
import { JetNemotron } from "../src/model/jet_nemotron.ts";
import type { PageTable } from "../src/model/page_table.ts";
import { type AttentionState, StatePool } from "../src/model/state.ts";
import { Weights } from "../src/model/weights.ts";
import type { Ops, Tensor } from "../src/ops.ts";

/** Options of {@linkcode ModelRunner}. */
export interface RunnerOptions {
  /** Sessions (default 1). */
  readonly slots?: number;
  /** Most tokens in one pass. */
  readonly maxRows: number;
  /** Tokens of one step of the chunked gated delta rule (default 0: the recurrence). */
  readonly deltaChunk?: number;
  /** Tokens that full attention holds (default 256). */
  readonly attentionBudget?: number;
  /** Tokens that it reads of those (default all). */
  readonly attentionRead?: number;
  /** The trained length, in place of the configuration's. */
  readonly maxPositions?: number;
  /** The type of the weights (default f32). */
  readonly weights?: "f32" | "bf16";
}

/** The next tokens of the session in a slot. */
export interface Feed {
  readonly slot: number;
  readonly tokens: ArrayLike<number>;
}

/** What a pass gives for each of its tokens. */
export interface PassResult {
  readonly finalNorm: Float32Array; // [N, D]
  readonly logits: Float32Array; // [N, V]
}

/** A checkpoint's model with states and caches in f32. */
export class ModelRunner implements Disposable {
  readonly vocabulary: number;
  readonly #ops: Ops;
  readonly #owned: DisposableStack;
  readonly #pool: StatePool;
  readonly #batches: BatchBuffers;
  readonly #model: JetNemotron;
  readonly #logits: Tensor; // [maxRows, V]
  /** Tokens that each slot holds. */
  readonly #positions: number[];
  readonly #tables: readonly (readonly PageTable[])[];

  constructor(ops: Ops, folder: string, options: RunnerOptions) {
    const { slots = 1, maxRows, deltaChunk = 0, attentionRead = Infinity } = options;
    const { attentionBudget = 256 } = options;
    using stack = new DisposableStack();
    const parsed = parseConfig(readJson(`${folder}/config.json`), folder);
    const config = { ...parsed, maxPositions: options.maxPositions ?? parsed.maxPositions };
    using source = new CheckpointSource(ops, Checkpoint.open(folder));
    const weights = stack.use(new Weights(ops, config, source, { type: options.weights ?? "f32" }));
    const types = { cacheType: "f32", stateType: "f32" } as const;
    const states = { slots, attentionBudget, maxSegment: maxRows, ...types };
    const pool = stack.use(new StatePool(ops, config, states));
    const sizes = { maxRows, maxSegment: maxRows, attentionRead };
    this.#pool = pool;
    this.#batches = stack.use(new BatchBuffers(ops, pool, sizes));
    this.#model = stack.use(
      new JetNemotron(ops, config, weights, this.#pool, { maxRows, deltaChunk }),
    );
    this.#logits = stack.use(ops.tensor("f32", maxRows, config.vocabularySize));
    this.vocabulary = config.vocabularySize;
    this.#ops = ops;
    this.#positions = Array.from({ length: slots }, () => 0);
    this.#tables = this.#positions.map((_, slot) => pool.pageTables(slot, attentionBudget));
    this.#owned = stack.move();
  }

  /** Runs one pass over the next tokens of several sessions. */
  run(feeds: readonly Feed[]): PassResult {
    const segments = feeds.map(({ slot, tokens }): Segment => ({
      slot,
      tokens,
      position: this.#positions[slot]!,
      tables: this.#tables[slot]!,
    }));
    const hidden = this.#model.forward(this.#batches.write(segments));
    this.#batches.noteScores(segments);
    using logits = this.#logits.rowView(0, hidden.rows);
    this.#model.logits(logits, hidden);
    for (const { slot, tokens } of feeds) this.#positions[slot]! += tokens.length;
    return { finalNorm: this.#read(hidden), logits: this.#read(logits) };
  }

  /** The logits of all of `tokens`, which go into one session `piece` at a time. */
  feed(slot: number, tokens: Int32Array, piece = tokens.length): Float32Array {
    const logits = new Float32Array(tokens.length * this.vocabulary);
    for (let start = 0; start < tokens.length; start += piece) {
      const some = tokens.subarray(start, start + piece);
      logits.set(this.run([{ slot, tokens: some }]).logits, start * this.vocabulary);
    }
    return logits;
  }

  /** Whether a layer of a session has evicted a page. */
  hasEvicted(slot: number): boolean {
    return this.#tables[slot]!.some(({ inexactFrom }) => inexactFrom !== undefined);
  }

  /** Ends the session in a slot. */
  clear(slot: number): void {
    this.#pool.clear(slot, this.#tables[slot]!);
    this.#positions[slot] = 0;
  }

  /**
   * The states of a slot by the names and in the layouts of the golden files, but for the
   * convolution's, which has one input less: the oldest, which nobody reads.
   */
  states(slot: number): Map<string, Float32Array> {
    const result = new Map<string, Float32Array>();
    for (const [index, layer] of this.#pool.layers.entries()) {
      if (layer.kind === "jet") {
        using recurrent = layer.recurrent.rowView(slot, 1);
        using convolution = layer.convolution.rowView(slot, 1);
        result.set(`state.recurrent.${index}`, this.#read(recurrent));
        result.set(`state.conv.${index}`, this.#read(convolution));
      } else {
        const rows = this.#cacheRows(slot, layer);
        result.set(`state.k.${index}`, this.#cached(layer.keys, rows));
        result.set(`state.v.${index}`, this.#cached(layer.values, rows));
      }
    }
    return result;
  }

  /** Rows of the caches that a session's positions live in, those that a query still sees. */
  #cacheRows(slot: number, { kind, table }: AttentionState): number[] {
    const end = this.#positions[slot]!;
    const start = kind === "swa" ? Math.max(0, end - this.#model.config.window) : 0;
    return Array.from(
      { length: end - start },
      (_, i) => this.#tables[slot]![table]!.row(start + i),
    );
  }

  /** Rows `[n, kvHeads·headSize]` of a cache as `[kvHeads, n, headSize]`. */
  #cached(cache: Tensor, rows: readonly number[]): Float32Array {
    const { kvHeads, headSize } = this.#model.config;
    const all = this.#read(cache);
    const result = new Float32Array(rows.length * cache.columns);
    for (let head = 0; head < kvHeads; head++) {
      for (const [n, row] of rows.entries()) {
        const start = row * cache.columns + head * headSize;
        result.set(all.subarray(start, start + headSize), (head * rows.length + n) * headSize);
      }
    }
    return result;
  }

  #read(tensor: Tensor): Float32Array {
    const values = new Float32Array(tensor.rows * tensor.columns);
    this.#ops.read(tensor, values);
    return values;
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}
