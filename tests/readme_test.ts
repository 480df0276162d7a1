import { assertEquals, assertMatch } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** The blocks of the README in a language. */
async function blocks(language: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL("README.md", ROOT));
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , code]) => code!);
}

/** What `code` prints as a module in the project's folder, with its types checked. */
async function run(code: string): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--check", "--allow-all", "--ext=ts", "-"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  await using process = command.spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  const { code: status, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  assertEquals([status, decoder.decode(stderr)], [0, ""]);
  return decoder.decode(stdout);
}

Deno.test("the README's example tells a story, the same each time", async () => {
  const [example, ...others] = await blocks("ts");
  assertEquals(others, []);
  const story = await run(example!);
  assertMatch(story, /^(\s*[\w'’"“”,;:.!?-]+){10,}/);
  assertMatch(story, /\n\d+ tokens; the session has \d+ bytes, now as before\n$/);
  assertEquals(await run(example!), story);
});

Deno.test("the README names tasks and files that exist", async () => {
  const text = await Deno.readTextFile(new URL("README.md", ROOT));
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const named = text.matchAll(/deno (?:task|run) (\w+)/g).map((match) => match[1]!);
  assertEquals([...named].filter((name) => !Object.hasOwn(tasks, name)), []);
  for (const [, path] of text.matchAll(/\]\(([^):]+)\)/g)) await Deno.stat(new URL(path!, ROOT));
});
