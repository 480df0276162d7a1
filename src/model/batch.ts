/**
 * A ragged batch: tokens of several sessions that go through the model together.
 *
 * @module
 */
import type { Ops, Tensor } from "../ops.ts";
import type { PageTable } from "./page_table.ts";
import type { StatePool } from "./state.ts";
import { TableBuffers, type TableTensors } from "./table_buffers.ts";

/** Tokens of one session, in order. */
export interface Segment {
  readonly slot: number;
  /** Position of the first token in the session. */
  readonly position: number;
  readonly tokens: ArrayLike<number>;
  /** The session's page tables, in the order of {@linkcode StatePool.tables}. */
  readonly tables: readonly PageTable[];
}

/** The index tensors of one pass: N tokens in S segments. */
export interface Batch {
  readonly rows: number;
  readonly tokens: Tensor; // [1, N]
  readonly positions: Tensor; // [1, N]
  readonly segments: Tensor; // [1, S+1]
  readonly slots: Tensor; // [1, S]
  /** The last row of each segment, `[1, S]`. */
  readonly lastRows: Tensor;
  readonly tables: readonly TableTensors[];
}

type VectorName = "tokens" | "positions" | "segments" | "slots" | "lastRows";

/** What {@linkcode BatchBuffers} allocates for. */
export interface BatchSizes {
  /** Most tokens in one pass. */
  readonly maxRows: number;
  /** Most tokens of one session in one pass. */
  readonly maxSegment: number;
  /** Tokens that a full-attention layer reads of those that it holds, at most. */
  readonly attentionRead: number;
}

/** Index tensors of a fixed size that are written anew for each pass. */
export class BatchBuffers implements Disposable {
  readonly #ops: Ops;
  readonly #owned = new DisposableStack();
  readonly #views = new Map<string, Tensor>();
  readonly #vectors: Readonly<Record<VectorName, Tensor>>;
  readonly #tables: readonly TableBuffers[];

  constructor(ops: Ops, pool: StatePool, sizes: BatchSizes) {
    const { maxRows, maxSegment, attentionRead } = sizes;
    this.#ops = ops;
    const allocate = (columns: number) => this.#owned.use(ops.tensor("i32", 1, columns));
    this.#vectors = {
      tokens: allocate(maxRows),
      positions: allocate(maxRows),
      segments: allocate(pool.slots + 1),
      slots: allocate(pool.slots),
      lastRows: allocate(pool.slots),
    };
    this.#tables = pool.tables.map((kind) =>
      this.#owned.use(
        new TableBuffers(ops, {
          segments: pool.slots,
          width: pool.pages[kind],
          maxRows,
          scored: kind === "attn",
          tokensRead: kind === "attn" ? attentionRead : Infinity,
          maxSegment,
        }),
      )
    );
  }

  /**
   * Takes pages for the tokens of one pass over `segments`, each of another slot, and writes its
   * index tensors.
   */
  write(segments: readonly Segment[]): Batch {
    const rows = segments.reduce((sum, segment) => sum + segment.tokens.length, 0);
    const tokens = new Int32Array(rows);
    const positions = new Int32Array(rows);
    const starts = new Int32Array(segments.length + 1);
    let row = 0;
    for (const [index, segment] of segments.entries()) {
      tokens.set(segment.tokens, row);
      for (let i = 0; i < segment.tokens.length; i++) positions[row + i] = segment.position + i;
      starts[index + 1] = row += segment.tokens.length;
      for (const table of segment.tables) table.prepare(segment.position, segment.tokens.length);
    }
    return {
      rows,
      tokens: this.#vector("tokens", tokens),
      positions: this.#vector("positions", positions),
      segments: this.#vector("segments", starts),
      slots: this.#vector("slots", Int32Array.from(segments, (segment) => segment.slot)),
      lastRows: this.#vector("lastRows", starts.slice(1).map((end) => end - 1)),
      tables: this.#tables.map((buffers, t) => buffers.write(segments, t)),
    };
  }

  /** After the pass: notes how the pages scored, which decides what is evicted. */
  noteScores(segments: readonly Segment[]): void {
    for (const [t, buffers] of this.#tables.entries()) buffers.noteScores(segments, t);
  }

  [Symbol.dispose](): void {
    for (const view of this.#views.values()) view[Symbol.dispose]();
    this.#owned.dispose();
  }

  /** Views are made once for each length: a batch shape always has the same tensors. */
  #vector(name: VectorName, values: Int32Array): Tensor {
    const key = `${name} ${values.length}`;
    let view = this.#views.get(key);
    if (!view) {
      view = this.#vectors[name].columnView(0, values.length);
      this.#views.set(key, view);
    }
    this.#ops.write(view, values);
    return view;
  }
}
