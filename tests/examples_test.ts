import { assert, assertEquals, assertMatch } from "@std/assert";
import { contrail, listening, Output } from "./cli.ts";
import { goldenHub } from "./hub_cache.ts";
import { Folder } from "./stores.ts";

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);
const MODEL = "jet-ai/Jet-Nemotron-2B";

/** The example that the help of a command gives, without the program's name. */
async function exampleOf(name: string): Promise<string> {
  const { stdout } = await contrail([name, "--help"]);
  return stdout.match(/^Example: contrail (.+)$/m)![1]!;
}

/** What a shell gets to run an example, and `more`, in a folder that has the small model. */
async function prepared(example: string, folder: string, env: Record<string, string>, more = "") {
  await Deno.mkdir(`${folder}/models`, { recursive: true });
  for (const path of ["models/fable", "models/README.md"]) {
    await Deno.symlink(ROOT + path, `${folder}/${path}`);
  }
  const program = `deno run --quiet --allow-all --config ${ROOT}deno.json ${ROOT}src/cli.ts`;
  return new Deno.Command("sh", {
    args: ["-c", `exec ${program} ${example} ${more}`],
    cwd: folder,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** What the example of a command prints, and which files it leaves. */
async function run(name: string, env: Record<string, string> = {}, more = "") {
  await using folder = new Folder();
  const command = await prepared(await exampleOf(name), folder.path, env, more);
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr));
  const files = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  return {
    text: decoder.decode(stdout),
    files: files(folder.path),
    models: files(`${folder.path}/models`),
  };
}

const PRINTED: Readonly<Record<string, RegExp>> = {
  generate: /\w+ \w+/,
  chat: /^$/,
  info: /"model": "fable"/,
  keys: /^\S{20,}\n$/,
  bench: /^generate 32 at 1024 /m,
  quantize: /^models\/fable-q4: /,
  eval: /^against fable \(f32\)$/m,
};

for (const [name, printed] of Object.entries(PRINTED)) {
  Deno.test(`the example of contrail ${name} runs as it stands`, async () => {
    const { text, files, models } = await run(name);
    assertMatch(text, printed);
    assertEquals(files.includes("keys.jsonl"), name === "keys");
    assertEquals(models.includes("fable-q4"), name === "quantize");
  });
}

Deno.test("the example of contrail pull runs, at a hub that has the model", async () => {
  await using hub = goldenHub(MODEL);
  await using cache = new Folder();
  const env = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache.path };
  const { text } = await run("pull", env, "--yes --json");
  const { model, commit, folder } = JSON.parse(text);
  assertEquals([model, commit], [MODEL, hub.commit]);
  assert((await Deno.stat(`${folder}/config.json`)).isFile);
});

Deno.test("the example of contrail serve runs, at a port that is free", async () => {
  await using folder = new Folder();
  const command = await prepared(await exampleOf("serve"), folder.path, {}, "--port 0");
  await using process = command.spawn();
  const output = new Output(process.stdout);
  const url = await listening(output);
  assertEquals((await (await fetch(`${url}/v1/models`)).json()).data[0].id, "fable");
  process.kill("SIGTERM");
  assertEquals((await process.status).code, 0);
  await Promise.all([output.until(), process.stderr.cancel()]);
});

Deno.test("every command has an example that is tried", async () => {
  const { stdout } = await contrail(["--help"]);
  const names = [...stdout.matchAll(/^ {2}(\w+) {2}/gm)].map(([, name]) => name!);
  assertEquals(names.sort(), [...Object.keys(PRINTED), "pull", "serve"].sort());
  const [, example] = stdout.match(/^Example: contrail (generate .+)$/m)!;
  await using folder = new Folder();
  const { code } = await (await prepared(example!, folder.path, {})).output();
  assertEquals(code, 0);
});
