import { assert, assertEquals } from "@std/assert";
import { visit } from "./disconnects.ts";
import { loadFable } from "./fable.ts";

Deno.test("createServer() has every slot free after 64 clients that leave at will", async () => {
  await using runtime = await loadFable({ sessions: 4 });
  const { whole, left, refused } = await visit(runtime, 3, 8000);
  assertEquals(refused, []);
  assert(whole > 0 && left > 64, `${whole} read their answer, ${left} left`);
  assertEquals(runtime.activity.waiting, 0);
});
