/**
 * Ctrl-C, for commands that go on after it.
 *
 * @module
 */

/** Hears SIGINT until it is disposed. */
export class Interrupts implements Disposable {
  #listener: (() => void) | undefined;
  #next = Promise.withResolvers<undefined>();
  readonly #hear = () => {
    // The first one ends what is running; another one, or one with nothing running, is for who
    // waits.
    if (this.#listener) this.#listener();
    else this.#next.resolve(undefined);
    this.#listener = undefined;
  };

  constructor() {
    Deno.addSignalListener("SIGINT", this.#hear);
  }

  /** Resolves, to `undefined`, at an interrupt that nobody listens to. */
  next(): Promise<undefined> {
    return this.#next.promise;
  }

  /** Calls `listener` at the next interrupt, until the result is disposed. */
  listen(listener: () => void): Disposable {
    this.#listener = listener;
    return { [Symbol.dispose]: () => this.#listener = undefined };
  }

  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.#hear);
  }
}
