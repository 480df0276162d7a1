/**
 * Takes values together that are there together.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";

/**
 * The values of a generator in lists: each begins with one that was waited for, and has those that
 * follow without waiting, `most` in all. Leaving the loop closes the generator.
 */
export async function* batches<T>(
  values: AsyncGenerator<T, void, void>,
  most: number,
): AsyncGenerator<T[], void, void> {
  let next = values.next();
  try {
    for (;;) {
      const batch: T[] = [];
      let result: IteratorResult<T, void> | undefined = await next;
      while (result && !result.done) {
        batch.push(result.value);
        next = values.next();
        // What it throws is thrown when it is waited for, after the values before it.
        const arrival = next.catch(() => undefined);
        if (batch.length === most) break;
        result = await Promise.race([arrival, setImmediate(undefined)]);
      }
      if (batch.length > 0) yield batch;
      if (result?.done) return;
    }
  } finally {
    await values.return();
  }
}
