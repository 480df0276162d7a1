import { assert, assertEquals, assertMatch } from "@std/assert";
import { runModule } from "./modules.ts";
import { Folder } from "./stores.ts";

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);

/** Token by token, a line each. */
const STORY = /( ?\w+\n){8}/;

/** Files whose examples run as they stand, and what each of those prints. */
const EXAMPLES: Readonly<Record<string, readonly RegExp[]>> = {
  "mod.ts": [STORY, STORY, /^9 11 true\n$/],
  "src/runtime.ts": [STORY],
  "src/server/app.ts": [/id: "fable"/],
  "src/store/memory.ts": [/^Uint8Array\(3\) \[ 1, 2, 3 \]\n$/],
  "src/store/sqlite.ts": [/^Uint8Array\(3\) \[ 1, 2, 3 \]\n$/],
};

/** The examples in a file's comments. */
async function examplesOf(path: string): Promise<string[]> {
  const text = await Deno.readTextFile(ROOT + path);
  return [...text.matchAll(/^ *\* ```ts\n(.*?)^ *\* ```$/gms)]
    .map(([, code]) => code!.replaceAll(/^ *\* ?/gm, ""));
}

for (const [path, printed] of Object.entries(EXAMPLES)) {
  Deno.test(`the examples in ${path} run as they stand`, async () => {
    const examples = await examplesOf(path);
    assertEquals(examples.length, printed.length);
    await using folder = new Folder();
    await Deno.symlink(`${ROOT}models`, `${folder.path}/models`);
    for (const [i, code] of examples.entries()) {
      assertMatch(await runModule(code, { cwd: folder.path }), printed[i]!);
    }
  });
}

Deno.test("the examples have no errors of types", async () => {
  await using folder = new Folder();
  const paths: string[] = [];
  for (const path of [...Object.keys(EXAMPLES), "src/store/redis.ts"]) {
    for (const code of await examplesOf(path)) {
      paths.push(`${folder.path}/${paths.length}.ts`);
      await Deno.writeTextFile(paths.at(-1)!, code);
    }
  }
  const args = ["check", "--quiet", "--config", `${ROOT}deno.json`, ...paths];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert(success, new TextDecoder().decode(stderr));
});

Deno.test("all that mod.ts exports is documented, down to its fields", async () => {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", "mod.ts"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  });
  const { stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const found = text.match(/^error\[.*$/gm) ?? [];
  // A type of another package can only be called private.
  const wanted =
    "error[private-type-ref]: public type 'createServer' references private type 'Hono'";
  assertEquals(found, [wanted], text);
});

Deno.test("the package can be published: no export has a type that must be inferred", async () => {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  });
  const { success, stderr } = await command.output();
  const text = new TextDecoder().decode(stderr);
  assert(success, text);
  const files = [...text.matchAll(/^ {3}file:\/\/(\S+) \(/gm)].map(([, path]) => path!);
  const names = files.map((path) => path.slice(ROOT.length));
  for (const name of ["mod.ts", "src/worker.ts", "kernels/include/contrail.h", "LICENSE"]) {
    assert(names.includes(name), name);
  }
  const outside = /^(?:\.ci|bench|build|models|tests|tools)\//;
  assertEquals(names.filter((name) => outside.test(name)), []);
});
