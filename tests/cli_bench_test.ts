import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
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
  for (const { tokens_per_second, gflop_s } of report.prefill) {
    assert(tokens_per_second.mean > 0 && tokens_per_second.deviation >= 0 && gflop_s > 0);
  }
  for (const { tokens_per_second, ms_per_token, gb_s } of report.decode) {
    assert(tokens_per_second.mean > 0 && tokens_per_second.deviation >= 0 && gb_s > 0);
    assert(ms_per_token.p50 > 0 && ms_per_token.p99 >= ms_per_token.p50);
  }
  // Two layers keep keys and values of 32 tokens more.
  const [shallow, deep] = report.decode.map((result: Json) => result.bytes_per_token);
  assert(deep > shallow && shallow > report.model.weight_bytes);
});

Deno.test("contrail bench prints a table, and what it does on standard error", async () => {
  const { code, stdout, stderr } = await contrail(["bench", ...SHORT]);
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /^fable: 7 million parameters, 14.0 MB of bf16 weights, /);
  assertMatch(stdout, /^prompt 16 at 32 +[\d.]+ ± [\d.]+ +[\d.]+ GFLOP\/s$/m);
  assertMatch(stdout, /^generate 4 at 0 +[\d.]+ ± [\d.]+ +[\d.]+ GB\/s +[\d.]+ +[\d.]+$/m);
  assertMatch(stderr, /^reading 16 tokens at depth 32\ngenerating 4 tokens at depth 32$/m);
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
