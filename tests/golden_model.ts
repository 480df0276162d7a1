/**
 * Compares a whole model with what the official code computed in float64.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Ops } from "../src/ops.ts";
import { GOLDEN, GoldenFile, relativeError, withoutOldest } from "./golden.ts";
import { ModelRunner } from "./model_runner.ts";

/** Greatest errors that are allowed. */
export interface Bounds {
  /** Of logits: absolute, or relative to the greatest. */
  readonly logits: number;
  readonly error: (values: ArrayLike<number>, golden: ArrayLike<number>) => number;
  /** Of states and the final norm, relative to the greatest element. */
  readonly relative: number;
}

// The golden files are rounded to f32, and so are the results.
export const EXACT: Bounds = { logits: 5e-7, error: relativeError, relative: 5e-7 };
// Measured on the official code in f32: 1.1e-4 on logits, 1.2e-5 on the rest.
export const NATIVE: Bounds = { logits: 5e-4, error: absoluteError, relative: 1e-4 };
// Of GPUs that round what they multiply with weights of bf16. Seen: 0.047 on logits and 0.05 on
// the rest.
const ROUNDED: Bounds = { logits: 0.07, error: rmsError, relative: 0.1 };

const MAX_ROWS = 129; // the longest prompt
const CONVOLUTION_WIDTH = 4; // of both models

/** A small model, and what the official code computed with it for each prompt. */
export interface GoldenModel {
  readonly name: string;
  readonly folder: string;
  readonly prompts: readonly GoldenFile[];
}

/** The models of the golden sets. */
export function goldenModels(): GoldenModel[] {
  return ["tiny-2b", "tiny-4b"].map((name) => {
    const folder = decodeURIComponent(new URL(name, GOLDEN).pathname);
    const prompts = [...Deno.readDirSync(folder)]
      .map((entry) => entry.name)
      .filter((file) => file.startsWith("expected"))
      .sort()
      .map((file) => new GoldenFile(new URL(`${name}/${file}`, GOLDEN)));
    return { name, folder, prompts };
  });
}

/** Runs every prompt, and its greedy continuation, and compares all that is recorded. */
export function checkModel(
  ops: Ops,
  { folder, prompts }: Pick<GoldenModel, "folder" | "prompts">,
  deltaChunk: number,
  bounds: Bounds,
): void {
  using runner = new ModelRunner(ops, folder, { maxRows: MAX_ROWS, deltaChunk });
  assert(prompts.length > 0, `${folder} holds no expected files`);
  for (const golden of prompts) {
    const last = checkPrompt(runner, golden, bounds);
    checkGreedy(runner, golden, bounds, last);
    runner.clear(0);
  }
}

/**
 * Runs every prompt with weights of bf16, which those of the golden sets are, on operators that may
 * round what they multiply with them.
 */
export function checkRoundedModel(
  ops: Ops,
  { folder, prompts }: Pick<GoldenModel, "folder" | "prompts">,
  deltaChunk: number,
): void {
  const options = { maxRows: MAX_ROWS, deltaChunk, weights: "bf16" } as const;
  using runner = new ModelRunner(ops, folder, options);
  assert(prompts.length > 0, `${folder} holds no expected files`);
  for (const golden of prompts) {
    checkPrompt(runner, golden, ROUNDED);
    runner.clear(0);
  }
}

/** A prompt in one pass, and the states after it. Returns the logits of the last token. */
function checkPrompt(runner: ModelRunner, golden: GoldenFile, bounds: Bounds): Float32Array {
  const tokens = golden.integers("input_ids");
  const { logits, finalNorm } = runner.run([{ slot: 0, tokens }]);
  const wanted = golden.floats("logits"); // of all positions, or of the last one
  const error = bounds.error(logits.subarray(logits.length - wanted.length), wanted);
  expect(golden, "logits", error, bounds.logits);
  if (golden.names.includes("final_norm")) {
    const error = relativeError(finalNorm, golden.floats("final_norm"));
    expect(golden, "final_norm", error, bounds.relative);
  }
  const states = runner.states(0);
  const stored = golden.names.filter((name) => name.startsWith("state."));
  assertEquals([...states.keys()].sort(), stored.sort());
  for (const [name, values] of states) {
    const wanted = golden.floats(name);
    const have = name.startsWith("state.conv.")
      ? withoutOldest(wanted, values, CONVOLUTION_WIDTH)
      : values;
    expect(golden, name, relativeError(have, wanted), bounds.relative);
  }
  return logits.subarray(-runner.vocabulary);
}

/** The greedy continuation of a prompt that ended in the logits `last`, token by token. */
function checkGreedy(
  runner: ModelRunner,
  golden: GoldenFile,
  bounds: Bounds,
  last: Float32Array,
): void {
  const ids = golden.integers("greedy_ids");
  const wanted = golden.floats("greedy_logits");
  const width = runner.vocabulary;
  let logits = last;
  for (const [step, id] of ids.entries()) {
    const error = bounds.error(logits, wanted.subarray(step * width, (step + 1) * width));
    expect(golden, `greedy_logits[${step}]`, error, bounds.logits);
    const greedy = logits.indexOf(logits.reduce((most, logit) => Math.max(most, logit)));
    assertEquals(greedy, id, `${golden.path}: greedy token ${step}`);
    if (step + 1 < ids.length) ({ logits } = runner.run([{ slot: 0, tokens: [id] }]));
  }
}

function expect(golden: GoldenFile, what: string, error: number, bound: number): void {
  const file = golden.path.pathname.split("/").slice(-2).join("/");
  assert(error <= bound, `${file}: ${what} differs by ${error}; at most ${bound} is allowed`);
}

function absoluteError(values: ArrayLike<number>, golden: ArrayLike<number>): number {
  let difference = values.length === golden.length ? 0 : Infinity;
  for (let i = 0; i < golden.length; i++) {
    const distance = Math.abs(values[i]! - golden[i]!);
    if (!(distance <= difference)) difference = distance; // NaN too
  }
  return difference;
}

/** The root of the mean squared error, relative to that of the golden values. */
function rmsError(values: ArrayLike<number>, golden: ArrayLike<number>): number {
  if (values.length !== golden.length) return Infinity;
  let [error, power] = [0, 0];
  for (let i = 0; i < golden.length; i++) {
    error += (values[i]! - golden[i]!) ** 2;
    power += golden[i]! ** 2;
  }
  return Math.sqrt(error / power);
}
