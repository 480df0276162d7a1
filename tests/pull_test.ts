import { assertEquals, assertStringIncludes } from "@std/assert";
import { progressText } from "../src/cli/progress_bar.ts";
import { goldenHub, LICENSE } from "./hub_cache.ts";
import { COMMIT, type HubStandIn, NAME } from "./hub_stand_in.ts";

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);

/** What the user's own environment may say and these tests must not hear. */
const UNSET = { HF_HOME: "", HF_HUB_CACHE: "", HF_HUB_OFFLINE: "", XDG_CACHE_HOME: "" };

/** A home folder, and the command line with the permissions of the tasks of `deno.json`. */
class Home implements Disposable {
  readonly folder = Deno.makeTempDirSync();
  readonly snapshot = `${this.folder}/.cache/huggingface/hub/models--org--tiny/snapshots/${COMMIT}`;
  readonly #tasks = JSON.parse(Deno.readTextFileSync(`${ROOT}/deno.json`)).tasks;

  /** Runs the command of a task, with a hub on loopback in place of the real one. */
  async run(task: string, args: readonly string[], env: Record<string, string> = {}) {
    const command: string = this.#tasks[task].command.replaceAll("$HOME", this.folder)
      .replace(/--allow-net='[^']*'/, "--allow-net=127.0.0.1");
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...command.split(" ").slice(1), ...args],
      cwd: ROOT,
      env: { ...UNSET, HOME: this.folder, DENO_DIR: await denoFolder(), NO_COLOR: "1", ...env },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Where this Deno keeps npm's packages, which another home folder must not change. */
async function denoFolder(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

/** The environment that names a hub. */
function environment(hub: HubStandIn): Record<string, string> {
  return { HF_ENDPOINT: hub.url, HF_TOKEN: "hf_secret" };
}

Deno.test("contrail pull downloads a model that other commands find by its name", async () => {
  await using hub = goldenHub();
  using home = new Home();
  const { code, stdout, stderr } = await home.run("pull", [NAME, "--yes"], environment(hub));
  assertEquals([code, stdout], [0, `${home.snapshot}\n`], stderr);
  assertEquals(stderr, `License of ${NAME}: tiny-license\n\n${LICENSE.trimEnd()}\n`);
  assertEquals(hub.seen.every(({ token }) => token === "Bearer hf_secret"), true);
  const offline = await home.run("pull", [NAME], { ...environment(hub), HF_HUB_OFFLINE: "1" });
  assertEquals(offline, { code: 0, stdout: `${home.snapshot}\n`, stderr: "" });
  const json = await home.run("pull", [NAME, "--offline", "--json"]);
  const facts = { model: NAME, commit: COMMIT, folder: home.snapshot };
  assertEquals(JSON.parse(json.stdout), facts);
  const args = ["--model", NAME, "--token-ids", "1,2,3", "--max-tokens", "3", "--json"];
  const generated = await home.run("generate", args);
  assertEquals(generated.code, 0, generated.stderr);
  assertEquals(JSON.parse(generated.stdout).model, "tiny");
});

Deno.test("contrail pull downloads nothing under a license that nobody accepted", async () => {
  await using hub = goldenHub();
  using home = new Home();
  hub.files.set("LICENSE", new TextEncoder().encode("Be \x1b[2Jkind\n"));
  const { code, stdout, stderr } = await home.run("pull", [NAME], environment(hub));
  assertEquals([code, stdout], [2, ""]);
  assertStringIncludes(stderr, `License of ${NAME}: tiny-license\n\nBe  [2Jkind\n`);
  assertStringIncludes(stderr, "contrail pull: Cannot ask whether you accept the license: pass");
  assertEquals([...Deno.readDirSync(home.folder)], []);
});

Deno.test("contrail tells failures of pull, and which model is to be pulled", async () => {
  await using hub = goldenHub();
  using home = new Home();
  const failures: [task: string, args: string[], code: number, words: string][] = [
    ["pull", [], 2, "No model: pass one ORG/NAME"],
    ["pull", [NAME, NAME], 2, "More than one model"],
    ["pull", ["tiny"], 1, 'The model\'s name is "tiny": pass one such as org/name'],
    ["pull", ["org/other"], 1, "there is no such model"],
    ["pull", [NAME, "--offline"], 1, "Cannot get org/tiny offline"],
    ["info", ["--model", NAME], 1, "run contrail pull org/tiny"],
  ];
  for (const [task, args, wanted, words] of failures) {
    const { code, stdout, stderr } = await home.run(task, args, environment(hub));
    assertEquals([code, stdout], [wanted, ""], stderr);
    assertStringIncludes(stderr, words);
  }
});

Deno.test("contrail pull takes its cache folder from the environment", async () => {
  using home = new Home();
  const folder = `${home.folder}/.cache/huggingface/hub`;
  const places: [env: Record<string, string>, wanted: string][] = [
    [{}, folder],
    [{ XDG_CACHE_HOME: `${folder}/a` }, `${folder}/a/huggingface/hub`],
    [{ XDG_CACHE_HOME: `${folder}/a`, HF_HOME: `${folder}/b` }, `${folder}/b/hub`],
    [{ HF_HOME: `${folder}/b`, HF_HUB_CACHE: `${folder}/c` }, `${folder}/c`],
  ];
  for (const [env, wanted] of places) {
    const { code, stderr } = await home.run("pull", [NAME, "--offline"], env);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `offline: ${wanted}/models--org--tiny has no main of it`);
  }
});

Deno.test("progressText() shows the share, the size, the speed and the file", () => {
  const progress = { path: "a.safetensors", bytes: 750_000, totalBytes: 3_000_000 };
  const bar = `${"█".repeat(5)}${"░".repeat(15)}`;
  assertEquals(progressText(progress, 1500), `${bar}  25% of 3.0 MB, 1.5 kB/s, a.safetensors`);
  const whole = progressText({ path: "a", bytes: 0, totalBytes: 0 }, 0);
  assertEquals(whole, `${"█".repeat(20)} 100% of 0 B, 0 B/s, a`);
});
