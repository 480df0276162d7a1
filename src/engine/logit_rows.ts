/**
 * Logits of some rows of a pass, computed a few rows at a time: a vocabulary is wide.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import type { JetNemotron } from "../model/jet_nemotron.ts";
import type { Ops, Tensor } from "../ops.ts";

/** Scratch for the logits of at most `count` rows. */
export class LogitRows implements Disposable {
  readonly #ops: Ops;
  readonly #model: JetNemotron;
  readonly #count: number;
  readonly #hidden: Tensor; // [count, D]
  readonly #logits: Tensor; // [count, V]
  readonly #owned = new DisposableStack();

  constructor(ops: Ops, model: JetNemotron, config: ModelConfig, count: number) {
    this.#ops = ops;
    this.#model = model;
    this.#count = count;
    this.#hidden = this.#owned.use(ops.tensor("f32", count, config.hiddenSize));
    this.#logits = this.#owned.use(ops.tensor("f32", count, config.vocabularySize));
  }

  /**
   * Copies the logits of `count` rows of `hidden` from `start` into `out`, from its row `first` on.
   */
  read(hidden: Tensor, start: number, count: number, out: Float32Array, first: number): void {
    for (let done = 0; done < count; done += this.#count) {
      const rows = Math.min(this.#count, count - done);
      using logits = this.#logits.rowView(0, rows);
      using some = hidden.rowView(start + done, rows);
      this.#model.logits(logits, some);
      const width = logits.columns;
      this.#ops.read(logits, out.subarray((first + done) * width, (first + done + rows) * width));
    }
  }

  /** Writes the logits of `rows[1, n]` of `hidden` to the rows `slots[1, n]` of `out`. */
  store(hidden: Tensor, rows: Tensor, out: Tensor, slots: Tensor): void {
    using some = this.#hidden.rowView(0, rows.columns);
    using logits = this.#logits.rowView(0, rows.columns);
    this.#ops.gatherRows(some, hidden, rows);
    this.#model.logits(logits, some);
    this.#ops.scatterRows(out, logits, slots);
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}
