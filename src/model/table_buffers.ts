/**
 * One page table of every segment of a pass, as tensors.
 *
 * @module
 */
import { type Ops, PAGE_TOKENS, type Tensor } from "../ops.ts";
import type { Segment } from "./batch.ts";
import type { PageTable } from "./page_table.ts";

/** Which pages each of S segments reads, as `Ops.attention` takes them. */
export interface PageLists {
  readonly pages: Tensor; // [S, width]
  readonly starts: Tensor; // [S, width]
  readonly shifts: Tensor; // [S, width]
}

/** A page table of each segment, for N tokens in S segments. */
export interface TableTensors extends PageLists {
  /** Rows of the caches that the tokens go to, `[1, N]`. */
  readonly rows: Tensor;
  /** Where the pages' scores go, `[S, width]`, when they decide anything. */
  readonly scores: Tensor | undefined;
  /** Where fewer pages are chosen by their scores, when not all are read. */
  readonly chosen: ChosenPages | undefined;
}

/** The lists of the pages that are chosen. */
export interface ChosenPages extends PageLists {
  /** Most recent pages that are always chosen. */
  readonly recent: number;
}

/** What {@linkcode TableBuffers} allocates. */
export interface TableSizes {
  readonly segments: number;
  /** Most pages of one segment. */
  readonly width: number;
  readonly maxRows: number;
  /** Whether the pages are scored. */
  readonly scored: boolean;
  /** Tokens that are read of one segment, at most. */
  readonly tokensRead: number;
  /** Most tokens of one segment in one pass. */
  readonly maxSegment: number;
}

const LISTS = ["pages", "starts", "shifts"] as const;

/** What the lists of one segment were made of; the first shift decides all others. */
interface Written {
  readonly table: PageTable;
  readonly version: number;
  readonly shift: number | undefined;
}

/** Tensors of a fixed size that are written anew for each pass. */
export class TableBuffers implements Disposable {
  readonly #ops: Ops;
  readonly #width: number;
  /** Pages that are read, when not all are. */
  readonly #read: number | undefined;
  readonly #owned = new DisposableStack();
  readonly #rows: Tensor;
  readonly #lists: PageLists;
  readonly #scores: Tensor | undefined;
  readonly #readScores: Float32Array<ArrayBuffer>;
  readonly #chosen: PageLists | undefined;
  readonly #views = new Map<string, TableTensors>();
  readonly #recent: number;
  #written: readonly Written[] = [];

  constructor(ops: Ops, sizes: TableSizes) {
    const { segments, width, maxRows, scored, tokensRead, maxSegment } = sizes;
    this.#ops = ops;
    this.#width = width;
    const read = Math.ceil(tokensRead / PAGE_TOKENS);
    this.#read = read < width ? read : undefined;
    // A quarter of what is read, as of what is held, and all that the pass itself has appended.
    this.#recent = Math.max(Math.floor(read / 4), Math.ceil(maxSegment / PAGE_TOKENS) + 1);
    const list = (columns: number) => this.#owned.use(ops.tensor("i32", segments, columns));
    const lists = (columns: number): PageLists => ({
      pages: list(columns),
      starts: list(columns),
      shifts: list(columns),
    });
    this.#rows = this.#owned.use(ops.tensor("i32", 1, maxRows));
    this.#lists = lists(width);
    this.#chosen = this.#read === undefined ? undefined : lists(this.#read);
    this.#readScores = new Float32Array(scored ? segments * width : 0);
    this.#scores = scored ? this.#owned.use(ops.tensor("f32", segments, width)) : undefined;
  }

  /** Writes the table number `t` of each segment, which has taken its pages. */
  write(segments: readonly Segment[], t: number): TableTensors {
    const rows = segments.flatMap(({ tables, position, tokens }) =>
      Array.from(tokens, (_, i) => tables[t]!.row(position + i))
    );
    const tensors = this.#tensors(rows.length, segments.length);
    this.#ops.write(tensors.rows, Int32Array.from(rows));
    this.#writeLists(tensors, segments, t);
    for (const { tables, position } of segments) {
      const table = tables[t]!;
      if (this.#read !== undefined && table.held.length > this.#read) table.noteUnread(position);
    }
    return tensors;
  }

  /** Hands the scores of the pass to the tables. */
  noteScores(segments: readonly Segment[], t: number): void {
    if (!this.#scores) return;
    const rows = segments.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const { scores } = this.#tensors(rows, segments.length);
    const read = this.#readScores.subarray(0, segments.length * this.#width);
    this.#ops.read(scores!, read);
    for (const [s, { tables, position, tokens }] of segments.entries()) {
      const own = read.subarray(s * this.#width, (s + 1) * this.#width);
      tables[t]!.score(own, position + tokens.length - 1);
    }
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }

  #writeLists(tensors: PageLists, segments: readonly Segment[], t: number): void {
    const shifts = segments.map(({ tables, position, tokens }) =>
      tables[t]!.shifts(position + tokens.length - 1)
    );
    const made = segments.map(({ tables }, s): Written => {
      const table = tables[t]!;
      return { table, version: table.version, shift: shifts[s]![0] };
    });
    if (same(made, this.#written)) return;
    this.#written = made;
    const size = segments.length * this.#width;
    const lists = {
      pages: new Int32Array(size).fill(-1),
      starts: new Int32Array(size),
      shifts: new Int32Array(size),
    };
    for (const [s, { tables }] of segments.entries()) {
      for (const [i, { page, start }] of tables[t]!.held.entries()) {
        const at = s * this.#width + i;
        lists.pages[at] = page;
        lists.starts[at] = start;
        lists.shifts[at] = shifts[s]![i]!;
      }
    }
    for (const name of LISTS) this.#ops.write(tensors[name], lists[name]);
  }

  /** Views are made once for each shape: a batch shape always has the same tensors. */
  #tensors(rows: number, segments: number): TableTensors {
    const key = `${rows} ${segments}`;
    let tensors = this.#views.get(key);
    if (!tensors) this.#views.set(key, tensors = this.#make(rows, segments));
    return tensors;
  }

  #make(rows: number, segments: number): TableTensors {
    const top = (tensor: Tensor) => this.#owned.use(tensor.rowView(0, segments));
    const tops = ({ pages, starts, shifts }: PageLists): PageLists => ({
      pages: top(pages),
      starts: top(starts),
      shifts: top(shifts),
    });
    return {
      ...tops(this.#lists),
      rows: this.#owned.use(this.#rows.columnView(0, rows)),
      scores: this.#scores && top(this.#scores),
      chosen: this.#chosen && { ...tops(this.#chosen), recent: this.#recent },
    };
  }
}

function same(made: readonly Written[], written: readonly Written[]): boolean {
  return made.length === written.length && made.every(({ table, version, shift }, s) => {
    const other = written[s]!;
    return table === other.table && version === other.version && shift === other.shift;
  });
}
