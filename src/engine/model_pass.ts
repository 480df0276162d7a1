/**
 * One pass of the model over tokens of several sessions.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import type { BatchBuffers, Segment } from "../model/batch.ts";
import type { JetNemotron } from "../model/jet_nemotron.ts";
import type { StatePool } from "../model/state.ts";
import type { Ops, Tensor } from "../ops.ts";
import type { RecordingOps } from "../recording.ts";
import { LogitRows } from "./logit_rows.ts";
import { PassRecordings } from "./pass_recordings.ts";
import type { EngineSession } from "./session.ts";
import type { WorkCount } from "./work_count.ts";

/** What a pass runs on. */
export interface PassParts {
  readonly ops: Ops & RecordingOps;
  readonly config: ModelConfig;
  readonly model: JetNemotron;
  readonly pool: StatePool;
  readonly batch: BatchBuffers;
  readonly work: WorkCount;
}

/** The tokens of one session in a pass. */
export interface PassSegment {
  readonly session: EngineSession;
  readonly segment: Segment;
}

/** Runs passes, and collects the logits that the sessions want. */
export class ModelPass implements Disposable {
  readonly #parts: PassParts;
  readonly #logitRows: LogitRows;
  readonly #recordings: PassRecordings<Tensor>;

  constructor(parts: PassParts) {
    const { ops, model, config, pool } = parts;
    this.#parts = parts;
    this.#logitRows = new LogitRows(ops, model, config, pool.slots);
    this.#recordings = new PassRecordings(ops);
  }

  /** Brings the states of all sessions up to date. When it throws, they are spoilt. */
  run(all: readonly PassSegment[]): void {
    const { model, batch, pool, work } = this.#parts;
    const start = performance.now();
    const segments = all.map(({ segment }) => segment);
    const indices = batch.write(segments);
    // Grids and operands follow from these two numbers alone.
    const shape = `${indices.rows} ${segments.length}`;
    const hidden = this.#recordings.run(shape, () => {
      const hidden = model.forward(indices);
      this.#logitRows.store(hidden, indices.lastRows, pool.logits, indices.slots);
      return hidden;
    });
    this.#readAllLogits(hidden, all);
    batch.noteScores(segments);
    work.pass(segments, performance.now() - start);
    work.launches = this.#recordings.launches;
    work.refusedRecordings = this.#recordings.refused;
    work.refusal = this.#recordings.refusal;
  }

  [Symbol.dispose](): void {
    this.#recordings[Symbol.dispose]();
    this.#logitRows[Symbol.dispose]();
  }

  /** Computes the logits of all tokens of the appends that want them. */
  #readAllLogits(hidden: Tensor, all: readonly PassSegment[]): void {
    let row = 0;
    for (const { session, segment } of all) {
      const count = segment.tokens.length;
      const { job } = session;
      if (job?.kind === "append" && job.all) {
        const skipped = Math.max(0, job.carried - job.done);
        const first = job.done + skipped - job.carried;
        this.#logitRows.read(hidden, row + skipped, count - skipped, job.all, first);
      }
      row += count;
    }
  }
}
