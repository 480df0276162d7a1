/**
 * A response that is being made.
 *
 * @module
 */
import type { ResponseAnswer } from "./schemas.ts";

/** Can be asked for what there is of it, and cancelled. */
export class RunningResponse implements Disposable {
  /** The response as it is now. */
  answer: ResponseAnswer;
  readonly #cancelled = new AbortController();
  readonly #over = Promise.withResolvers<void>();
  readonly #ended: () => void;

  /** `ended` is called when nothing more comes. */
  constructor(answer: ResponseAnswer, ended: () => void) {
    this.answer = answer;
    this.#ended = ended;
  }

  /** Aborted when the response is to end with what there is. */
  get signal(): AbortSignal {
    return this.#cancelled.signal;
  }

  /** Ends it; gives what has become of it. */
  async cancel(): Promise<ResponseAnswer> {
    this.#cancelled.abort(new Error("The response was cancelled"));
    await this.#over.promise;
    return this.answer;
  }

  [Symbol.dispose](): void {
    this.#ended();
    this.#over.resolve();
  }
}
