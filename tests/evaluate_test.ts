import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { divergence, negativeLogProbability, percentile, predictionOf } from "../src/divergence.ts";
import { drift, evaluate, textTokens } from "../src/evaluate.ts";
import { quantize } from "../src/quantize/quantize.ts";
import { Runtime } from "../src/runtime.ts";
import { Random } from "./cases/random.ts";
import { contrail } from "./contrail.ts";
import { FABLE, loadFable } from "./fable.ts";
import { dequantizeFolder } from "./packed_checkpoint.ts";

const HELDOUT = decodeURIComponent(
  new URL("../../shared/data/tales/heldout.txt", import.meta.url).pathname,
);

/** A text that the small model has never seen. */
const CARD = `${FABLE}/MODEL_CARD.md`;

function hasHeldout(): boolean {
  try {
    return Deno.statSync(HELDOUT).isFile;
  } catch {
    return false;
  }
}

/** Probabilities by the plain formula. */
function softmax(logits: Float32Array): number[] {
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  return Array.from(logits, (logit) => Math.exp(logit) / total);
}

Deno.test("divergence() is Σ p·ln(p / q), and 0 for equal predictions", () => {
  const random = new Random(1);
  for (let n = 0; n < 20; n++) {
    const [p, q] = [0, 1].map(() => Float32Array.from({ length: 50 }, () => 8 * random.next() - 4));
    const [ps, qs] = [softmax(p!), softmax(q!)];
    const wanted = ps.reduce((sum, share, i) => sum + share * Math.log(share / qs[i]!), 0);
    assertAlmostEquals(divergence(predictionOf(p!), predictionOf(q!)), wanted, 1e-9);
    assertEquals(divergence(predictionOf(p!), predictionOf(p!)), 0);
    assertAlmostEquals(negativeLogProbability(predictionOf(p!), 7), -Math.log(ps[7]!), 1e-9);
  }
  // Large logits do not overflow, and the first of equal ones is the most probable.
  const { top, logTotal } = predictionOf(Float32Array.of(1000, 2000, 2000));
  assertEquals(top, 1);
  assertAlmostEquals(logTotal, 2000 + Math.LN2, 1e-9);
});

Deno.test("percentile() is the least value that a share does not exceed", () => {
  const values = Array.from({ length: 200 }, (_, i) => (i * 77) % 200);
  assertEquals(percentile(values, 0.99), 197);
  assertEquals(percentile(values, 1), 199);
  assertEquals(percentile([5], 0.99), 5);
});

Deno.test({
  name: "evaluate() gives the small model's held-out loss",
  ignore: !hasHeldout(),
  fn: async () => {
    const { heldout } = JSON.parse(Deno.readTextFileSync(`${FABLE}/expected.json`));
    await using runtime = await Runtime.load(FABLE, { sessions: 1 });
    const ids = textTokens(Deno.readTextFileSync(HELDOUT), runtime);
    assertEquals(ids.length, heldout.file_tokens);
    const found = await evaluate(runtime, ids);
    assertEquals([found.windows, found.tokens], [heldout.windows, heldout.predicted_tokens]);
    assertAlmostEquals(found.loss, heldout.loss_nats_per_token, 0.001);
    assertAlmostEquals(found.perplexity, heldout.perplexity_per_token, 0.025);
    assertAlmostEquals(found.bitsPerByte, heldout.bits_per_byte, 0.0005);
    assertEquals(found.reference, undefined);
  },
});

Deno.test("evaluate() and drift() find no difference from the model itself", async () => {
  await using runtime = await loadFable({ sessions: 1 });
  await using same = await loadFable({ sessions: 1 });
  const ids = textTokens(Deno.readTextFileSync(CARD), runtime, same).slice(0, 700);
  const shares: number[] = [];
  const { loss, perplexity, bitsPerByte, windows, tokens, reference } = await evaluate(
    runtime,
    ids,
    same,
    (share) => shares.push(share),
  );
  assertEquals(shares, Array.from({ length: 8 }, (_, i) => (i + 1) / 8));
  assertEquals([windows, tokens], [1, 511]);
  const none = { kl: { mean: 0, p99: 0 }, agreement: 1 };
  assertEquals(reference, { loss, perplexity, bitsPerByte, ...none });
  const twice = [...ids, ...ids, ...ids].slice(0, 2010);
  assertEquals(await drift(runtime, twice, same), [
    { from: 0, to: 999, ...none },
    { from: 1000, to: 1999, ...none },
    { from: 2000, to: 2009, ...none },
  ]);
});

Deno.test("evaluate() and drift() measure what quantizing costs", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "contrail-" });
  try {
    await using runtime = await loadFable({ sessions: 1 });
    const ids = textTokens(Deno.readTextFileSync(CARD), runtime).slice(0, 512);
    const means: number[] = [];
    for (const weights of ["q8", "q4"] as const) {
      await quantize(FABLE, `${folder}/${weights}`, { weights });
      dequantizeFolder(`${folder}/${weights}`, `${folder}/${weights}-f32`);
      await using quantized = await Runtime.load(`${folder}/${weights}-f32`, { sessions: 1 });
      const { perplexity, reference } = await evaluate(quantized, ids, runtime);
      const change = perplexity / reference!.perplexity;
      assert(Math.abs(change - 1) < (weights === "q8" ? 0.01 : 0.1), `${change}`);
      assert(reference!.agreement > (weights === "q8" ? 0.97 : 0.8), `${reference!.agreement}`);
      assert(reference!.kl.p99 > reference!.kl.mean);
      means.push(reference!.kl.mean);
      const [bucket] = await drift(quantized, ids.slice(0, 128), runtime);
      assert(bucket!.kl.mean > 0 && bucket!.kl.mean < (weights === "q8" ? 0.005 : 0.2));
    }
    assert(means[0]! > 0 && means[0]! < 0.002 && means[1]! < 0.1, `${means}`);
    assert(means[1]! > 20 * means[0]!, `${means}`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("textTokens() refuses a text that is too short", async () => {
  await using runtime = await loadFable({ sessions: 1 });
  assertThrows(() => textTokens("", runtime), Error, "less than two tokens");
});

Deno.test("contrail eval compares with other weights of the same folder", async () => {
  const base = ["eval", "--text", CARD, "--weights", "bf16", "--cache-type", "f32"];
  const { code, stdout, stderr } = await contrail([
    ...base,
    ...["--against", "f32", "--drift", "140", "--json"],
  ]);
  assertEquals([code, stderr], [0, ""]);
  const facts = JSON.parse(stdout);
  assertEquals([facts.model, facts.weights, facts.against.weights], ["fable", "bf16", "f32"]);
  // The weights are bf16 in the file: only the order of sums differs.
  assert(facts.against.kl_mean < 1e-6 && facts.against.agreement > 0.99);
  assertEquals(facts.drift.map(({ from, to }: { from: number; to: number }) => [from, to]), [
    [0, 139],
  ]);
});

Deno.test("contrail eval compares with any type of weights, or with another folder", async () => {
  const base = ["eval", "--text", CARD, "--drift", "0", "--json"];
  const kl: number[] = [];
  for (
    const [against, type] of [["q8", "mixed"], ["q4", "mixed"], ["auto", "bf16"], [FABLE, "bf16"]]
  ) {
    const { code, stdout, stderr } = await contrail([...base, "--against", against!]);
    assertEquals([code, stderr], [0, ""]);
    const facts = JSON.parse(stdout);
    assertEquals([facts.weights, facts.against.weights, facts.drift], ["bf16", type, []]);
    kl.push(facts.against.kl_mean);
  }
  assert(kl[0]! > 0 && kl[1]! > 20 * kl[0]!, `${kl}`);
  assertEquals(kl.slice(2), [0, 0]);
});

Deno.test("contrail eval says what is missing or not there", async () => {
  const wrong: [args: string[], words: string, status: number][] = [
    [["eval"], "--text is missing", 2],
    [["eval", "--text", CARD, "--drift", "5"], "--against", 2],
    [["eval", CARD], "--text", 2],
    [["eval", "--text", `${FABLE}/none.txt`], "none.txt", 1],
    [["eval", "--text", `${FABLE}/model.safetensors`], "it is no text in UTF-8", 1],
  ];
  for (const [args, words, status] of wrong) {
    const result = await contrail(args);
    assertEquals([result.code, result.stdout], [status, ""]);
    assert(result.stderr.includes(words), result.stderr);
  }
});
