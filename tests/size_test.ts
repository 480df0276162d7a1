import { assertEquals } from "@std/assert";
import { tooLong } from "../tools/size.ts";

Deno.test("tooLong() names long lines and files, within the budgets", () => {
  const wide = "é".repeat(101);
  assertEquals(tooLong("a.ts", "x\n".repeat(300)), []);
  assertEquals(tooLong("a.ts", `${"é".repeat(100)}\n${wide}\n`), [
    "a.ts:2 has 101 columns, limit 100",
  ]);
  assertEquals(tooLong("a.ts", "x\n".repeat(301)), ["a.ts has 301 lines, limit 300: split it"]);
  const budgets = { "a.ts": { lines: 301, columns: 101 } };
  assertEquals(tooLong("a.ts", `${wide}\n`.repeat(301), budgets), []);
});
