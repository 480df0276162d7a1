import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { contrail, contrailWith } from "./cli.ts";
import type { Json } from "./http.ts";
import { Folder } from "./stores.ts";

const GENERATE = ["generate", "--json", "--weights", "f32", "--ignore-eos"];

Deno.test("contrail generate goes on from what it has saved as if it had not ended", async () => {
  await using folder = new Folder();
  const { path } = folder;
  const permissions = [`--allow-read=${path}`, `--allow-write=${path}`];
  const file = `${path}/story.snapshot`;
  const run = async (...args: string[]): Promise<Json> => {
    const { code, stdout, stderr } = await contrailWith(permissions, [...GENERATE, ...args]);
    assertEquals([code, stderr], [0, ""]);
    return JSON.parse(stdout);
  };
  const prompt = "Once upon a time";
  const whole = await run("--seed", "7", "--max-tokens", "20", prompt);
  const first = await run("--seed", "7", "--max-tokens", "8", "--save", file, prompt);
  const second = await run("--max-tokens", "12", "--resume", file, "--save", file);
  assertEquals([...first.token_ids, ...second.token_ids], whole.token_ids);
  assertEquals([first.prompt_tokens, second.prompt_tokens], [5, 0]);
  const third = await run("--max-tokens", "2", "--resume", file, "--token-ids", "300,301");
  assertEquals(third.prompt_tokens, 2);
  // Nothing but the snapshot is left.
  assertEquals([...Deno.readDirSync(path)].map(({ name }) => name), ["story.snapshot"]);
});

Deno.test("contrail generate tells what is wrong with a file of a session", async () => {
  await using folder = new Folder();
  const { path } = folder;
  const permissions = [`--allow-read=${path}`, `--allow-write=${path}`];
  await Deno.writeTextFile(`${path}/text`, "no snapshot");
  const wrong: [args: string[], words: RegExp][] = [
    [["--resume", `${path}/absent`], /^contrail generate: Cannot read the session .*absent: .*\n$/],
    [["--resume", `${path}/text`], /^contrail generate: These bytes are no snapshot/],
    [["--max-tokens", "1", "--save", `${path}/none/a`, "x"], /Cannot write the session to .*none/],
  ];
  for (const [args, words] of wrong) {
    const { code, stderr } = await contrailWith(permissions, [...GENERATE, ...args]);
    assertEquals(code, 1);
    assertMatch(stderr, words);
  }
});

Deno.test("contrail info tells how many sessions fit into a memory", async () => {
  const args = ["--attention-budget", "512", "--attention-read", "128", "--prefix-cache", "3MB"];
  const info = async (...more: string[]): Promise<Json> => {
    const { code, stdout, stderr } = await contrail(["info", "--json", ...args, ...more]);
    assertEquals(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const facts = await info("--memory", "12.5MiB");
  assertEquals(facts.sessions, Math.floor(12.5 * 2 ** 20 / facts.session_bytes));
  assert(facts.sessions > 1);
  assertEquals([facts.attention_budget, facts.attention_read], [512, 128]);
  assertEquals(facts.prefix_cache_bytes, 3e6);
  const { weight_bytes, scratch_bytes, session_bytes, sessions, total_bytes } = facts;
  assertEquals(total_bytes, weight_bytes + scratch_bytes + session_bytes * sessions + 3e6);
  const little = await contrail(["info", ...args, "--memory", "1000"]);
  assertEquals(little.code, 1);
  assertStringIncludes(little.stderr, `1000 bytes and one session needs ${session_bytes}`);
});

Deno.test("contrail tells wrong options of sessions and stores with status 2", async () => {
  const wrong: [args: string[], words: string][] = [
    [["info", "--memory", "lots"], '--memory is "lots": pass bytes such as'],
    [["info", "--memory", "5 parsecs"], '--memory is "5 parsecs"'],
    [["info", "--memory", "-5"], "--memory"],
    [["info", "--memory", "1GB", "--sessions", "2"], "--sessions and --memory are both given"],
    [["chat", "--prefix-cache", "x"], '--prefix-cache is "x"'],
    [["serve", "--store", "redis:secret@host"], "The store is wrong: pass memory, sqlite:PATH"],
    [["serve", "--store", "none", "--store-bytes", "1MB"], "without a store"],
    [["generate", "--save", "file"], "No prompt"],
  ];
  const run = async ([args, words]: typeof wrong[number]) => {
    const { code, stdout, stderr } = await contrail(args);
    assertEquals([code, stdout], [2, ""], stderr);
    assertStringIncludes(stderr, words);
    assert(!stderr.includes("secret"));
  };
  while (wrong.length > 0) await Promise.all(wrong.splice(0, 2).map(run));
});
