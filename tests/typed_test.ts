import { assertEquals } from "@std/assert";
import { DROPPED, messages } from "../src/cli/typed.ts";

Deno.test("messages() goes on with the next line after a backslash", async () => {
  const cases: [lines: string[], messages: string[], prompts: string[]][] = [
    [[], [], ["> "]],
    [["a", "", "b"], ["a", "", "b"], ["> ", "> ", "> ", "> "]],
    [["a\\", "  b\\", "c", "d"], ["a\n  b\nc", "d"], ["> ", "… ", "… ", "> ", "> "]],
    // What was begun is said at the end.
    [["a\\"], ["a\n"], ["> ", "… "]],
  ];
  for (const [lines, wanted, prompts] of cases) {
    const left = [...lines];
    const shown: string[] = [];
    const read = (prompt: string) => {
      shown.push(prompt);
      return Promise.resolve(left.shift());
    };
    assertEquals(await Array.fromAsync(messages(read)), wanted);
    assertEquals(shown, prompts);
  }
});

Deno.test("messages() forgets what was begun where a line is dropped", async () => {
  const left = ["a\\", DROPPED, "b", DROPPED] as const;
  const lines = left.values();
  let drops = 0;
  const said = messages(() => Promise.resolve(lines.next().value), () => drops++);
  assertEquals([await Array.fromAsync(said), drops], [["b"], 2]);
});
