/**
 * Operator calls that are recorded once and then run together: on a GPU a pass is hundreds of
 * launches, which take the host longer than a decode step should.
 *
 * @module
 */

/** Recorded calls. Disposing it frees what it holds. */
export interface Recording extends Disposable {
  /** Kernels that a replay launches. */
  readonly launches: number;
  /**
   * Runs the calls, on what their operands hold by now. What index operands hold is not checked
   * again.
   */
  replay(): void;
}

/** Operators that can be recorded. */
export interface RecordingOps {
  /** Whether they can on this device: a CPU runs them eagerly. */
  readonly records: boolean;
  /**
   * Records the operators that `calls` calls, and does not run them. They must have run once
   * before; nothing may be read, written, loaded or made meanwhile but views.
   *
   * @example
   * ```ts
   * ops.silu(y, x);
   * using recording = ops.record(() => ops.silu(y, x));
   * ops.write(x, other);
   * recording.replay();
   * ```
   */
  record(calls: () => void): Recording;
}
