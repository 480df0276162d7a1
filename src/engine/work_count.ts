/**
 * Counts what an engine does.
 *
 * @module
 */
import type { EngineWork } from "../reports.ts";

/** What an engine has done so far. Its parts count up; others read. */
export class WorkCount {
  #passes = 0;
  #sessions = 0;
  #tokens = 0;
  #milliseconds = 0;
  /** Bytes of the states that are kept for prompts that begin alike. */
  keptBytes = 0;
  /** Kernels of the pass that was replayed last. */
  launches = 0;
  /** Shapes of passes that the device refused to record, and what it said last. */
  refusedRecordings = 0;
  refusal: string | undefined;

  /** Counts a pass over these segments. */
  pass(segments: readonly { readonly tokens: ArrayLike<number> }[], milliseconds: number): void {
    this.#passes++;
    this.#sessions += segments.length;
    for (const { tokens } of segments) this.#tokens += tokens.length;
    this.#milliseconds += milliseconds;
  }

  /** A copy of all counts. */
  get report(): EngineWork {
    return {
      passes: this.#passes,
      sessions: this.#sessions,
      tokens: this.#tokens,
      milliseconds: this.#milliseconds,
      keptBytes: this.keptBytes,
      launches: this.launches,
      refusedRecordings: this.refusedRecordings,
      refusal: this.refusal,
    };
  }
}
