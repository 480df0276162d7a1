import { assertEquals, assertMatch } from "@std/assert";
import { runModule } from "./modules.ts";

const ROOT = new URL("../", import.meta.url);

/** The blocks of the README in a language. */
async function blocks(language: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL("README.md", ROOT));
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , code]) => code!);
}

Deno.test("the README's example tells a story, the same each time", async () => {
  const [example, ...others] = await blocks("ts");
  assertEquals(others, []);
  const story = await runModule(example!, { check: true });
  assertMatch(story, /^(\s*[\w'’"“”,;:.!?-]+){10,}/);
  assertMatch(story, /\n\d+ tokens; the session has \d+ bytes, now as before\n$/);
  assertEquals(await runModule(example!), story);
});

Deno.test("the README names tasks and files that exist", async () => {
  const text = await Deno.readTextFile(new URL("README.md", ROOT));
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const named = text.matchAll(/deno (?:task|run) (\w+)/g).map((match) => match[1]!);
  assertEquals([...named].filter((name) => !Object.hasOwn(tasks, name)), []);
  for (const [, path] of text.matchAll(/\]\(([^):]+)\)/g)) await Deno.stat(new URL(path!, ROOT));
});
