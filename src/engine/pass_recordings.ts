/**
 * Passes of the shapes that come again, recorded.
 *
 * @module
 */
import type { Recording, RecordingOps } from "../recording.ts";

/** Shapes that are known at once; a decode step has one for each number of sessions. */
const MOST_SHAPES = 32;

/**
 * A pass of one shape: what it returned, and once the shape came again its recording, or that the
 * device refused to make one.
 */
interface Known<Result> {
  readonly result: Result;
  readonly recording: Recording | "refused" | undefined;
}

/**
 * Runs a pass eagerly when its shape comes for the first time, records it at the second, and
 * replays it from then on; where it cannot be recorded, it runs eagerly each time. Of more than 32
 * shapes it forgets the one that was not needed longest.
 */
export class PassRecordings<Result> implements Disposable {
  readonly #ops: RecordingOps;
  /** By shape, the one that was needed last at the end. */
  readonly #known = new Map<string, Known<Result>>();
  /** Kernels of the pass that was replayed last; 0 where none was. */
  launches = 0;
  /** Shapes that the device refused to record, each as often as it was tried. */
  refused = 0;
  /** What the device said when it refused last. */
  refusal: string | undefined;

  constructor(ops: RecordingOps) {
    this.#ops = ops;
  }

  /** Runs `calls`, which are the same operators on the same tensors whenever `shape` is. */
  run(shape: string, calls: () => Result): Result {
    if (!this.#ops.records) return calls();
    const known = this.#known.get(shape);
    this.#known.delete(shape);
    const now = known ? this.#again(known, calls) : { result: calls(), recording: undefined };
    this.#known.set(shape, now);
    if (this.#known.size > MOST_SHAPES) this.#forgetOldest();
    return now.result;
  }

  [Symbol.dispose](): void {
    while (this.#known.size > 0) this.#forgetOldest();
  }

  #again({ result, recording }: Known<Result>, calls: () => Result): Known<Result> {
    recording ??= this.#record(calls);
    // What was refused has not run; what is wrong with the calls themselves shows now.
    if (recording === "refused") return { result: calls(), recording };
    try {
      recording.replay();
      this.launches = recording.launches;
    } catch (error) {
      recording[Symbol.dispose]();
      throw error;
    }
    return { result, recording };
  }

  /** A driver may have no room for a graph, or not bear what a capture meets. */
  #record(calls: () => Result): Recording | "refused" {
    try {
      return this.#ops.record(calls);
    } catch (error) {
      this.refused++;
      this.refusal = error instanceof Error ? error.message : String(error);
      return "refused";
    }
  }

  #forgetOldest(): void {
    const [shape, { recording }] = this.#known.entries().next().value!;
    this.#known.delete(shape);
    if (recording !== "refused") recording?.[Symbol.dispose]();
  }
}
