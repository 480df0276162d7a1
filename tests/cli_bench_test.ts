import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { contrail } from "./cli.ts";
import type { Json } from "./http.ts";

const RANDOM = ["--random", "models/fable/config.json"];
const SHORT = ["--prompt", "16", "--generate", "4", "--depth", "0,32", "--repetitions", "2"];

/** What a command printed, as JSON. */
async function json(args: readonly string[]): Promise<Json> {
  const { code, stdout, stderr } = await contrail([...args, "--json"]);
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout);
}

Deno.test("contrail bench measures reading and generating at each depth", async () => {
  const report = await json(["bench", ...RANDOM, "--weights", "f32", ...SHORT]);
  assertEquals([report.model.parameters, report.model.weights], [6987440, "f32"]);
  assert(report.machine.threads > 0);
  const shapes = (results: Json[]) => results.map(({ tokens, depth }) => [tokens, depth]);
  assertEquals(shapes(report.prefill), [[16, 0], [16, 32]]);
  assertEquals(shapes(report.decode), [[4, 0], [4, 32]]);
  const { limits } = report;
  assertEquals(Object.keys(limits), ["read_gb_s", "bf16_gflop_s", "int8_gop_s"]);
  assert(limits.read_gb_s > 0 && limits.int8_gop_s > 0);
  for (const { tokens_per_second, tokens_per_second_sd, gflop_s, ...rest } of report.prefill) {
    assert(tokens_per_second > 0 && tokens_per_second_sd >= 0);
    assertAlmostEquals(rest.fraction_of_limit, gflop_s / rest.limit, 1e-9);
  }
  for (const { tokens_per_second, bytes_per_token, ms_per_token, gb_s, ...rest } of report.decode) {
    assert(tokens_per_second > 0 && rest.batch === 1);
    assertAlmostEquals(gb_s, tokens_per_second * bytes_per_token / 1e9, 1e-9);
    assertAlmostEquals(rest.fraction_of_limit, gb_s / rest.limit, 1e-9);
    assert(ms_per_token.p50 > 0 && ms_per_token.p99 >= ms_per_token.p50);
  }
  // Two layers keep keys and values of 32 tokens more.
  const [shallow, deep] = report.decode.map((result: Json) => result.bytes_per_token);
  assert(deep > shallow && shallow > report.model.weight_bytes);
});

Deno.test("contrail bench reads the weights once for all sessions of a batch", async () => {
  const options = ["--prompt", "0", "--generate", "4", "--repetitions", "1", "--batch", "1,3"];
  const { decode, model } = await json(["bench", "--weights", "q8", ...options]);
  const [one, three] = decode;
  assertEquals([one.batch, three.batch], [1, 3]);
  const state = one.bytes_per_token - model.weight_bytes;
  assertAlmostEquals(three.bytes_per_token, model.weight_bytes / 3 + state, 1);
  const wrong = await contrail(["bench", ...options.slice(0, -1), "1,0"]);
  assertEquals([wrong.code, wrong.stdout], [2, ""]);
});

Deno.test("contrail bench makes up what a random model has before, for all that fit", async () => {
  const memory = ["--memory", "20MB", "--depth", "1500", "--batch", "1,max"];
  const options = ["--prompt", "8", "--generate", "2", "--repetitions", "1", ...memory];
  const report = await json(["bench", ...RANDOM, ...options]);
  assertEquals(report.synthetic_context, true);
  const { prefill: [prefill], decode, model } = report;
  assertEquals([prefill.depth, prefill.tokens], [1500, 8]);
  const fit = Math.floor(20e6 / model.session_bytes);
  assert(fit > 1);
  assertEquals(decode.map(({ batch, depth }: Json) => [batch, depth]), [[1, 1500], [fit, 1500]]);
  // What does not fit into the budget is not there to be read.
  const budget = ["--attention-budget", "512", "--depth", "512,1500", "--batch", "1"];
  const { decode: [full, beyond] } = await json(["bench", ...RANDOM, ...options, ...budget]);
  assertEquals(beyond.bytes_per_token, full.bytes_per_token);
  const unlimited = await contrail(["bench", "--batch", "max"]);
  assertEquals([unlimited.code, unlimited.stdout], [2, ""]);
  assertMatch(unlimited.stderr, /--batch is "max" without a limit: pass --memory, too/);
});

Deno.test("contrail bench keeps no prompts: what it measures is computed", async () => {
  const { code, stderr } = await contrail(["bench", "--prefix-cache", "256MiB"]);
  assertEquals(code, 2);
  assertMatch(stderr, /Unknown option '--prefix-cache'/);
});

Deno.test("--profile tells the time of each operator, and only when it is given", async () => {
  const options = ["--prompt", "0", "--generate", "4", "--repetitions", "1"];
  const { profile } = await json(["bench", ...options, "--profile"]);
  const named = (name: string) => profile.filter(({ operator }: Json) => operator.startsWith(name));
  // A pass has two norms in each of 8 layers, 6 of them JetBlocks, and one at the end.
  assertEquals(named("rmsNorm")[0].calls % 17, 0);
  assertEquals(named("gatedDelta")[0].calls, named("rmsNorm")[0].calls / 17 * 6);
  assert(named("linear bf16 [").length > 4);
  assertAlmostEquals(profile.reduce((sum: number, { share }: Json) => sum + share, 0), 1, 1e-9);
  assert(
    profile.every(({ ms }: Json, i: number) => ms > 0 && ms <= profile[Math.max(0, i - 1)].ms),
  );
  const generate = ["generate", "--max-tokens", "2", "--token-ids", "5,6,7"];
  assert((await json([...generate, "--profile"])).profile.length > 10);
  assertEquals((await json(generate)).profile, undefined);
  const { stderr } = await contrail([...generate, "--profile"]);
  assertMatch(stderr, /^linear bf16 \[\d+, \d+\] +\d+ +[\d.]+ +[\d.]+ %$/m);
});

Deno.test("contrail bench prints a table, and what it does on standard error", async () => {
  const { code, stdout, stderr } = await contrail(["bench", ...SHORT]);
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /^fable: 7 million parameters, 14.0 MB of bf16 weights, /);
  assertMatch(stdout, /^prompt 16 at 32 +[\d.]+ ± [\d.]+ +[\d.]+ GFLOP\/s +\d+ %$/m);
  assertMatch(stdout, /^generate 4 at 0 +[\d.]+ ± [\d.]+ +[\d.]+ GB\/s +\d+ % +[\d.]+ +[\d.]+$/m);
  assertMatch(
    stderr,
    /^reading 16 tokens at depth 32\nmeasuring the machine\ngenerating 4 tokens at depth 32$/m,
  );
});

Deno.test("--random makes a model of a shape, the same each time", async () => {
  const facts = await json(["info", ...RANDOM]);
  assertEquals([facts.parameters, facts.tokenizer, facts.weights_type], [6987440, false, "bf16"]);
  const generate = ["generate", "--max-tokens", "8", "--temperature", "0", "--token-ids", "5,6,7"];
  const { token_ids } = await json([...generate, ...RANDOM]);
  assertEquals(token_ids.length, 8);
  assertEquals((await json([...generate, ...RANDOM])).token_ids, token_ids);
  assertNotEquals((await json(generate)).token_ids, token_ids);
});
