/**
 * Values that are made although nobody reads them.
 *
 * @module
 */

/**
 * The values of a generator, each made when it is read; once the signal is aborted, the rest are
 * made at once. Leaving the loop closes the generator.
 */
export async function* unheldOnceAborted<T>(
  values: AsyncGenerator<T, void, void>,
  signal: AbortSignal,
): AsyncGenerator<T, void, void> {
  const ahead: Promise<IteratorResult<T, void>>[] = [];
  const makeAll = async () => {
    for (let done = false; !done;) {
      const next = values.next();
      ahead.push(next);
      done = (await next).done ?? false;
    }
  };
  // What fails is told to who reads it.
  const abort = () => void makeAll().catch(() => {});
  signal.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      const { done, value } = await (ahead.shift() ?? values.next());
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    await values.return();
  }
}
