import { assertEquals } from "@std/assert";
import { findSummary, formatSummary, parseSummary } from "../tools/test_summary.ts";

Deno.test("parseSummary() reads the counts of a line", () => {
  const lines: Record<string, string> = {
    "ok | 12 passed | 0 failed (1s)": "12 passed, 0 failed",
    "ok | 1 passed (3 steps) | 0 failed | 2 ignored (34ms)": "1 passed, 0 failed, 2 skipped",
    "FAILED | 3 passed | 1 failed (1 step) | 9 filtered out (2s)": "3 passed, 1 failed",
    "\x1b[0m\x1b[32mok\x1b[0m | 7 passed | 0 failed \x1b[0m\x1b[38;5;245m(9ms)\x1b[0m\r":
      "7 passed, 0 failed",
  };
  for (const [line, wanted] of Object.entries(lines)) {
    assertEquals(formatSummary(parseSummary(line)!), wanted);
  }
});

Deno.test("parseSummary() leaves other lines alone", () => {
  for (const line of ["", "a ... ok (1ms)", "it said: ok | 1 passed | 0 failed", "ok | 1 passed"]) {
    assertEquals(parseSummary(line), undefined);
  }
});

Deno.test("findSummary() passes all on and takes the last summary, however it is cut", async () => {
  const text = "ok | 1 passed | 0 failed (1ms)\nname – ok\nFAILED | 20 passed | 3 failed (2s)\n\n";
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 7, 1000]) {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let i = 0; i < bytes.length; i += size) pieces.push(bytes.slice(i, i + size));
    const written: number[] = [];
    const found = await findSummary(ReadableStream.from(pieces), (chunk) => written.push(...chunk));
    assertEquals(found, { passed: 20, failed: 3, skipped: 0 });
    assertEquals(new TextDecoder().decode(Uint8Array.from(written)), text);
  }
});
