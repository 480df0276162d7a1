/**
 * A ragged batch: tokens of several sessions that go through the model together.
 *
 * @module
 */
import type { Ops, Tensor } from "../ops.ts";
import type { StatePool } from "./state.ts";

/** Tokens of one session, in order. */
export interface Segment {
  readonly slot: number;
  /** Position of the first token in the session. */
  readonly position: number;
  readonly tokens: ArrayLike<number>;
}

/** The index tensors of one pass: N tokens in S segments. */
export interface Batch {
  readonly rows: number;
  readonly tokens: Tensor; // [1, N]
  readonly positions: Tensor; // [1, N]
  readonly segments: Tensor; // [1, S+1]
  readonly slots: Tensor; // [1, S]
  readonly pages: Readonly<Record<"attn" | "swa", Tensor>>; // [S, pages of a slot]
}

type VectorName = "tokens" | "positions" | "segments" | "slots";
type TableName = "attn" | "swa";

/** Index tensors of a fixed size that are written anew for each pass. */
export class BatchBuffers implements Disposable {
  readonly maxRows: number;
  readonly #ops: Ops;
  readonly #pool: StatePool;
  readonly #owned = new DisposableStack();
  readonly #views = new Map<string, Tensor>();
  readonly #tensors: Readonly<Record<VectorName | TableName, Tensor>>;
  /** The slots whose page tables are on the device. */
  #tabled = "";

  constructor(ops: Ops, pool: StatePool, maxRows: number) {
    this.#ops = ops;
    this.#pool = pool;
    this.maxRows = maxRows;
    const allocate = (rows: number, columns: number) =>
      this.#owned.use(ops.tensor("i32", rows, columns));
    this.#tensors = {
      tokens: allocate(1, maxRows),
      positions: allocate(1, maxRows),
      segments: allocate(1, pool.slots + 1),
      slots: allocate(1, pool.slots),
      attn: allocate(pool.slots, pool.pages.attn),
      swa: allocate(pool.slots, pool.pages.swa),
    };
  }

  /** Writes the index tensors of one pass over `segments`, each of another slot. */
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
    }
    const slots = Int32Array.from(segments, (segment) => segment.slot);
    this.#writePages(slots);
    return {
      rows,
      tokens: this.#vector("tokens", tokens),
      positions: this.#vector("positions", positions),
      segments: this.#vector("segments", starts),
      slots: this.#vector("slots", slots),
      pages: {
        attn: this.#pageRows("attn", slots.length),
        swa: this.#pageRows("swa", slots.length),
      },
    };
  }

  [Symbol.dispose](): void {
    for (const view of this.#views.values()) view[Symbol.dispose]();
    this.#owned.dispose();
  }

  #vector(name: VectorName, values: Int32Array): Tensor {
    const view = this.#view(name, values.length, (tensor) => tensor.columnView(0, values.length));
    this.#ops.write(view, values);
    return view;
  }

  #pageRows(name: TableName, count: number): Tensor {
    return this.#view(name, count, (tensor) => tensor.rowView(0, count));
  }

  /** Views are made once for each length: a batch shape always has the same tensors. */
  #view(
    name: VectorName | TableName,
    count: number,
    make: (tensor: Tensor) => Tensor,
  ): Tensor {
    const key = `${name} ${count}`;
    let view = this.#views.get(key);
    if (!view) this.#views.set(key, view = make(this.#tensors[name]));
    return view;
  }

  #writePages(slots: Int32Array): void {
    const key = slots.join();
    if (key === this.#tabled) return;
    for (const kind of ["attn", "swa"] as const) {
      const width = this.#pool.pages[kind];
      const table = new Int32Array(slots.length * width);
      slots.forEach((slot, s) => table.set(this.#pool.pageTable(slot, kind), s * width));
      this.#ops.write(this.#pageRows(kind, slots.length), table);
    }
    this.#tabled = key;
  }
}
