import { assertEquals } from "@std/assert";
import { MemoryStore } from "../src/store/memory.ts";
import { loadFable } from "./fable.ts";
import { fuzz } from "./fuzz/fuzz.ts";

/** What fits in a test; `bench/fuzz.ts` sends 5,000. */
const REQUESTS = 2000;

Deno.test("createServer() answers 2,000 random requests, and no slot is lost", async () => {
  await using runtime = await loadFable({ store: new MemoryStore() });
  const { statuses, wrong } = await fuzz(runtime, 2, REQUESTS);
  assertEquals(wrong, []);
  // Some get past every check, so that slots are taken and freed.
  assertEquals((statuses.get(200) ?? 0) > REQUESTS / 20, true);
});
