/**
 * Recurrent states of bf16: half the bytes, nearly the same predictions.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Runtime } from "../src/runtime.ts";
import { GREEDY_TEXT, loadFable, PROMPT_IDS } from "./fable.ts";

Deno.test("Runtime.load() halves the recurrent states when stateType is bf16", async () => {
  await using whole = await loadFable();
  await using halved = await loadFable({ stateType: "bf16" });
  assertEquals([whole.stateType, halved.stateType], ["f32", "bf16"]);
  const { heads, keySize, valueSize } = whole.config.jet!;
  const layers = whole.config.layers.filter((kind) => kind === "jet").length;
  const saved = whole.memory.session - halved.memory.session;
  assertEquals(saved, 2 * layers * heads * keySize * valueSize);
});

Deno.test("Session.append() gives nearly the same logits when stateType is bf16", async () => {
  await using whole = await loadFable();
  await using halved = await loadFable({ stateType: "bf16" });
  const [expected, logits] = [await stepwiseLogits(whole), await stepwiseLogits(halved)];
  const distance = Math.hypot(...expected.map((logit, i) => logits[i]! - logit));
  const relative = distance / Math.hypot(...expected);
  assert(relative > 0 && relative < 3e-3, `the logits differ by ${relative}`);
});

Deno.test("Runtime.load() names the choices when stateType is unknown", async () => {
  const stateType = "f16" as "bf16";
  await assertRejects(() => loadFable({ stateType }), TypeError, 'stateType is "f16"');
});

/** The logits after a text whose tokens were appended one by one. */
async function stepwiseLogits(runtime: Runtime): Promise<Float32Array> {
  await using session = await runtime.session();
  const ids = [...PROMPT_IDS, ...runtime.tokenizer!.encode(GREEDY_TEXT)];
  let logits: Float32Array | undefined;
  for (const id of ids) logits = await session.append([id]);
  return logits!;
}
