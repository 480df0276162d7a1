import { assertEquals, assertRejects } from "@std/assert";
import { batches } from "../src/server/batches.ts";

/** A value of each list after a wait, the others of it without; then an error, if there is one. */
async function* lists(
  given: readonly number[][],
  ends: { failure?: Error; closed?: () => void } = {},
): AsyncGenerator<number, void, void> {
  try {
    for (const list of given) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield* list;
    }
    if (ends.failure) throw ends.failure;
  } finally {
    ends.closed?.();
  }
}

Deno.test("batches() gives together what is there together, but not too much", async () => {
  const given = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10, 11]];
  assertEquals(await Array.fromAsync(batches(lists(given), 4)), [
    [1, 2, 3],
    [4],
    [5, 6, 7, 8],
    [9, 10, 11],
  ]);
  assertEquals(await Array.fromAsync(batches(lists([[1, 2]]), 1)), [[1], [2]]);
  assertEquals(await Array.fromAsync(batches(lists([]), 4)), []);
});

Deno.test("batches() gives what came before an error, then the error", async () => {
  const values = batches(lists([[1, 2]], { failure: new Error("no more") }), 4);
  assertEquals((await values.next()).value, [1, 2]);
  await assertRejects(() => values.next(), Error, "no more");
});

Deno.test("batches() closes its generator when its reader leaves", async () => {
  let closed = 0;
  const values = batches(lists([[1, 2, 3]], { closed: () => closed++ }), 2);
  for await (const _ of values) break;
  assertEquals(closed, 1);
});
