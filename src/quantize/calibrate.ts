/**
 * Finds how large the inputs of each matrix are when the model reads a text.
 *
 * @module
 */
import { Device } from "../../ffi/device.ts";
import { NativeOps } from "../../ffi/ops.ts";
import { ensureLibrary } from "../../kernels/build.ts";
import { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../config.ts";
import { BatchBuffers } from "../model/batch.ts";
import { CheckpointSource } from "../model/checkpoint_source.ts";
import { JetNemotron } from "../model/jet_nemotron.ts";
import { StatePool } from "../model/state.ts";
import { Weights } from "../model/weights.ts";
import type { Ops, Tensor } from "../ops.ts";
import { Tokenizer } from "../tokenizer.ts";
import { matrixNames } from "./matrix_names.ts";
import { tracingOps } from "./tracing_ops.ts";

/** Tokens of one window, which begins with an empty state. */
const WINDOW = 512;

/** Most windows that are read, evenly spread over the text. */
const MAX_WINDOWS = 32;

/** Tokens in one pass. */
const PIECE = 64;

/** Share of the mean that is added to each column, so that none counts as nothing. */
const DAMPING = 0.01;

/** A text that was read. */
export interface Calibration {
  readonly tokens: number;
  /** Mean square of what each column of a matrix is multiplied with, by the matrix's name. */
  readonly importance: ReadonlyMap<string, Float64Array>;
}

/**
 * Runs the model in a folder over a text; it is in memory as the checkpoint holds it meanwhile.
 * `progress` hears which share of it is read. Throws an `Error` when the text is empty or the model
 * has no tokenizer.
 */
export async function calibrate(
  folder: string,
  config: ModelConfig,
  text: string,
  progress: (share: number) => void,
): Promise<Calibration> {
  const tokenizer = await Tokenizer.load(folder);
  if (!tokenizer) throw new Error(`Cannot calibrate ${folder} with text: it has no tokenizer.json`);
  const windows = windowsOf(tokenizer.encode(text));
  const all = windows.reduce((sum, { length }) => sum + length, 0);
  if (all === 0) throw new Error("Cannot calibrate with an empty text; pass another file");
  await ensureLibrary();
  using device = Device.open();
  const native = new NativeOps(device);
  const squares = new Squares(native);
  const ops = tracingOps(native, { linear: (_out, x, weight) => squares.add(weight, x) });
  using source = new CheckpointSource(ops, Checkpoint.open(folder));
  using weights = new Weights(ops, config, source);
  using pool = new StatePool(ops, config, {
    slots: 1,
    attentionBudget: WINDOW,
    maxSegment: PIECE,
    cacheType: "bf16",
    stateType: "f32",
  });
  const sizes = { maxRows: PIECE, maxSegment: PIECE, attentionRead: Infinity };
  using batch = new BatchBuffers(ops, pool, sizes);
  using model = new JetNemotron(ops, config, weights, pool, { maxRows: PIECE, deltaChunk: PIECE });
  const tables = pool.pageTables(0, WINDOW);
  for (const window of windows) {
    pool.clear(0, tables);
    for (let position = 0; position < window.length; position += PIECE) {
      const tokens = window.slice(position, position + PIECE);
      // The head's product is not needed, only what it would be of.
      const segments = [{ slot: 0, position, tokens, tables }];
      squares.add(weights.head, model.forward(batch.write(segments)));
      progress(squares.rows(weights.head) / all);
    }
  }
  const importance = new Map<string, Float64Array>();
  for (const [matrix, names] of matrixNames(weights, config)) {
    const means = squares.means(matrix);
    for (const name of names) importance.set(name, means);
  }
  return { tokens: all, importance };
}

/** Windows of the text, evenly spread where there are more than are read. */
function windowsOf(ids: readonly number[]): (readonly number[])[] {
  const count = Math.max(1, Math.floor(ids.length / WINDOW));
  const read = Math.min(count, MAX_WINDOWS);
  return Array.from({ length: read }, (_, i) => {
    const start = Math.floor(i * count / read) * WINDOW;
    return ids.slice(start, start + WINDOW);
  });
}

/** Sums of squares of what matrices are multiplied with, for each column. */
class Squares {
  readonly #ops: Ops;
  readonly #sums = new Map<Tensor, { rows: number; readonly columns: Float64Array }>();

  constructor(ops: Ops) {
    this.#ops = ops;
  }

  /** Adds the rows of `x`. */
  add(matrix: Tensor, x: Tensor): void {
    let sum = this.#sums.get(matrix);
    if (!sum) this.#sums.set(matrix, sum = { rows: 0, columns: new Float64Array(x.columns) });
    const values = new Float32Array(x.rows * x.columns);
    this.#ops.read(x, values);
    sum.rows += x.rows;
    for (let row = 0; row < values.length; row += x.columns) {
      for (let c = 0; c < x.columns; c++) sum.columns[c]! += values[row + c]! ** 2;
    }
  }

  /** Rows that were added for a matrix. */
  rows(matrix: Tensor): number {
    return this.#sums.get(matrix)?.rows ?? 0;
  }

  /** Means of the squares, all positive. */
  means(matrix: Tensor): Float64Array {
    const { rows, columns } = this.#sums.get(matrix)!;
    const mean = columns.reduce((total, sum) => total + sum, 0) / columns.length;
    return mean > 0 ? columns.map((sum) => (sum + DAMPING * mean) / rows) : columns.map(() => 1);
  }
}
