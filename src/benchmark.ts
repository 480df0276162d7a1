/**
 * Measures how fast a loaded model reads prompts and generates.
 *
 * @module
 */
import type { ModelConfig } from "./config.ts";
import { tensorShapes } from "./model/tensor_shapes.ts";
import { ELEMENT_BYTES } from "./ops.ts";
import type { Runtime } from "./runtime.ts";

/** What {@linkcode benchmark} measures. */
export interface BenchmarkOptions {
  /** Tokens of the prompts whose reading is timed; 0 skips it. */
  readonly prompt: number;
  /** Tokens whose generation is timed; 0 skips it. */
  readonly generate: number;
  /** Tokens in the session before the timing begins. */
  readonly depths: readonly number[];
  readonly repetitions: number;
}

/** Mean and standard deviation over the repetitions. */
export interface Rate {
  readonly mean: number;
  readonly deviation: number;
}

/** Result for prompts: one session, a piece of the prompt in each pass. */
export interface PrefillResult {
  readonly depth: number;
  readonly tokens: number;
  readonly tokens_per_second: Rate;
  readonly gflop_s: number;
}

/** Result for generation: one session, tokenization excluded, sampling included. */
export interface DecodeResult {
  readonly depth: number;
  readonly tokens: number;
  readonly batch: number;
  readonly tokens_per_second: Rate;
  readonly ms_per_token: { readonly p50: number; readonly p99: number };
  readonly bytes_per_token: number;
  readonly gb_s: number;
}

/** All that was measured. */
export interface BenchmarkReport {
  readonly machine: { os: string; arch: string; instruction_set: string; threads: number };
  readonly model: {
    name: string;
    parameters: number;
    weights: string;
    weight_bytes: number;
    session_bytes: number;
  };
  readonly prefill: readonly PrefillResult[];
  readonly decode: readonly DecodeResult[];
}

/** Runs the measurements; `progress` hears of each one before it starts. */
export async function benchmark(
  runtime: Runtime,
  options: BenchmarkOptions,
  progress: (what: string) => void = () => {},
): Promise<BenchmarkReport> {
  const prefill: PrefillResult[] = [];
  const decode: DecodeResult[] = [];
  progress("warming up");
  await warmUp(runtime);
  for (const depth of options.depths) {
    if (options.prompt > 0) {
      progress(`reading ${options.prompt} tokens at depth ${depth}`);
      prefill.push(await timePrefill(runtime, depth, options));
    }
    if (options.generate > 0) {
      progress(`generating ${options.generate} tokens at depth ${depth}`);
      decode.push(await timeDecode(runtime, depth, options));
    }
  }
  const { instructionSet, threads } = runtime.backend;
  return {
    machine: {
      os: Deno.build.os,
      arch: Deno.build.arch,
      instruction_set: instructionSet,
      threads,
    },
    model: {
      name: runtime.name,
      parameters: parameterCount(runtime.config),
      weights: runtime.weightsType,
      weight_bytes: runtime.memory.weights,
      session_bytes: runtime.memory.session,
    },
    prefill,
    decode,
  };
}

/** Numbers in a model's weights, a tied head counted once. */
export function parameterCount(config: ModelConfig): number {
  let count = 0;
  for (const shape of tensorShapes(config).values()) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

/** Tokens that a session must hold for {@linkcode benchmark}. */
export function benchmarkDepth(options: BenchmarkOptions): number {
  const { prompt, generate, depths, repetitions } = options;
  const generated = generate > 0 ? 1 + repetitions * (generate + 1) : 0;
  return Math.max(...depths) + Math.max(prompt, generated);
}

/** Brings weights into memory and code into its compiled form. */
async function warmUp(runtime: Runtime): Promise<void> {
  await using session = await runtime.session();
  await session.append(tokens(runtime, 1), { logits: "none" });
  const options = { maxTokens: 2, temperature: 0, ignoreEos: true };
  for await (const _ of session.generate(options));
}

async function timePrefill(
  runtime: Runtime,
  depth: number,
  { prompt, repetitions }: BenchmarkOptions,
): Promise<PrefillResult> {
  const rates: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    await using session = await runtime.session();
    if (depth > 0) await session.append(tokens(runtime, depth), { logits: "none" });
    const start = performance.now();
    await session.append(tokens(runtime, prompt), { logits: "none" });
    rates.push(prompt / (performance.now() - start) * 1000);
  }
  const rate = summarize(rates);
  const flops = 2 * layerParameters(runtime.config);
  return { depth, tokens: prompt, tokens_per_second: rate, gflop_s: flops * rate.mean / 1e9 };
}

async function timeDecode(
  runtime: Runtime,
  depth: number,
  { generate, repetitions }: BenchmarkOptions,
): Promise<DecodeResult> {
  // One session serves all repetitions: each goes a little deeper.
  await using session = await runtime.session();
  await session.append(tokens(runtime, Math.max(depth, 1)), { logits: "none" });
  const rates: number[] = [];
  const gaps: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const times: number[] = [];
    const options = { maxTokens: generate + 1, temperature: 0, ignoreEos: true, lookahead: 16 };
    for await (const _ of session.generate(options)) times.push(performance.now());
    const intervals = times.slice(1).map((time, i) => time - times[i]!);
    rates.push(generate / (times.at(-1)! - times[0]!) * 1000);
    gaps.push(...intervals);
  }
  gaps.sort((a, b) => a - b);
  const rate = summarize(rates);
  const bytes = bytesPerToken(runtime, depth);
  return {
    depth,
    tokens: generate,
    batch: 1,
    tokens_per_second: rate,
    ms_per_token: {
      p50: gaps[Math.floor(gaps.length * 0.5)]!,
      p99: gaps[Math.floor(gaps.length * 0.99)]!,
    },
    bytes_per_token: bytes,
    gb_s: bytes * rate.mean / 1e9,
  };
}

/** Parameters of the layers' matrices: a prompt's tokens need no logits, but for the last. */
function layerParameters(config: ModelConfig): number {
  let count = 0;
  for (const [name, shape] of tensorShapes(config)) {
    if (shape.length === 2 && name.startsWith("model.layers.")) count += shape[0]! * shape[1]!;
  }
  return count;
}

/**
 * Bytes that one decoded token must move: all weights once, the states read and written, the caches
 * read.
 */
function bytesPerToken(runtime: Runtime, depth: number): number {
  const { config, memory } = runtime;
  const lookup = config.tiedEmbeddings
    ? 0
    : memory.weights * config.vocabularySize * config.hiddenSize / parameterCount(config);
  const row = 2 * config.kvHeads * config.headSize * ELEMENT_BYTES[runtime.cacheType];
  let state = 0;
  for (const kind of config.layers) {
    if (kind === "jet") {
      const { heads, keySize, valueSize, convolutionWidth } = config.jet!;
      const recurrent = keySize * ELEMENT_BYTES[runtime.stateType];
      state += 2 * heads * valueSize * (recurrent + (convolutionWidth - 1) * ELEMENT_BYTES.f32);
    } else {
      state += row * (kind === "swa" ? Math.min(depth, config.window) : depth);
    }
  }
  return memory.weights - lookup + state;
}

function tokens(runtime: Runtime, count: number): Int32Array {
  const { vocabularySize } = runtime.config;
  return Int32Array.from({ length: count }, (_, i) => (i * 7919 + 13) % vocabularySize);
}

function summarize(values: readonly number[]): Rate {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / Math.max(1, values.length - 1)) };
}
