/**
 * Measures how fast a loaded model reads prompts and generates.
 *
 * @module
 */
import { Device } from "../ffi/device.ts";
import { type Limits, machineLimits } from "./machine_limits.ts";
import { bytesPerToken, layerParameters, parameterCount } from "./model_costs.ts";
import type { Runtime } from "./runtime.ts";
import type { Session } from "./session.ts";
import { syntheticSnapshot } from "./synthetic_context.ts";
import { tokenGaps, tokenTimes } from "./token_times.ts";

/** What {@linkcode benchmark} measures. */
export interface BenchmarkOptions {
  /** Tokens of the prompts whose reading is timed; 0 skips it. */
  readonly prompt: number;
  /** Tokens whose generation is timed; 0 skips it. */
  readonly generate: number;
  /** Tokens in the session before the timing begins. */
  readonly depths: readonly number[];
  /** Sessions that generate together, at most those of the runtime. */
  readonly batches: readonly number[];
  readonly repetitions: number;
  /**
   * Whether the tokens before are made up in place of computed: with random weights, whose results
   * mean nothing, it is as fast with them.
   */
  readonly syntheticContext?: boolean;
  /** What results are held against, in place of what the library measures of its device. */
  readonly limits?: Limits;
}

/** Mean over the repetitions, and standard deviation. */
export interface Rate {
  readonly tokens_per_second: number;
  readonly tokens_per_second_sd: number;
}

/** Result for prompts: one session, a piece of the prompt in each pass. */
export interface PrefillResult extends Rate {
  readonly depth: number;
  readonly tokens: number;
  readonly gflop_s: number;
  /** Of the operations that the weights' type allows. */
  readonly fraction_of_limit: number;
}

/** Result for generation: all sessions together, tokenization excluded, sampling included. */
export interface DecodeResult extends Rate {
  readonly depth: number;
  readonly tokens: number;
  readonly batch: number;
  readonly ms_per_token: { readonly p50: number; readonly p99: number };
  readonly bytes_per_token: number;
  readonly gb_s: number;
  /** Of the bytes that memory gives. */
  readonly fraction_of_limit: number;
}

/** All that was measured. */
export interface BenchmarkReport {
  readonly machine: { os: string; arch: string; instruction_set: string; threads: number };
  readonly limits: Limits;
  /** Whether the tokens before were made up. */
  readonly synthetic_context: boolean;
  readonly model: {
    shape: string;
    parameters: number;
    weights: string;
    weight_bytes: number;
    session_bytes: number;
    /** Memory of the process after the measurements. */
    resident_bytes: number;
  };
  readonly prefill: readonly PrefillResult[];
  readonly decode: readonly DecodeResult[];
}

/**
 * Runs the measurements. `progress` hears of each repetition before it starts: what is measured,
 * and which share of all is done.
 */
export async function benchmark(
  runtime: Runtime,
  options: BenchmarkOptions,
  progress: (what: string, share: number) => void = () => {},
): Promise<BenchmarkReport> {
  const prefill: PrefillResult[] = [];
  const decode: DecodeResult[] = [];
  const batches = options.generate > 0 ? options.batches : [];
  const measurements = (Number(options.prompt > 0) + batches.length) * options.depths.length;
  const steps = measurements * options.repetitions;
  let begun = 0;
  const step = (what: string) => () => progress(what, begun++ / steps);
  if (!options.limits) progress("measuring the machine", 0);
  const limits = options.limits ?? limitsOf(runtime);
  progress("warming up", 0);
  await warmUp(runtime);
  for (const depth of options.depths) {
    if (options.prompt > 0) {
      const told = step(`reading ${options.prompt} tokens at depth ${depth}`);
      prefill.push(await timePrefill(runtime, depth, options, limits, told));
    }
    for (const batch of batches) {
      const sessions = batch === 1 ? "" : ` in each of ${batch} sessions`;
      const told = step(`generating ${options.generate} tokens at depth ${depth}${sessions}`);
      decode.push(await timeDecode(runtime, depth, batch, options, limits, told));
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
    limits,
    synthetic_context: options.syntheticContext ?? false,
    model: {
      shape: runtime.name,
      parameters: parameterCount(runtime.config),
      weights: runtime.weightsType,
      weight_bytes: runtime.memory.weights,
      session_bytes: runtime.memory.session,
      resident_bytes: Deno.memoryUsage().rss,
    },
    prefill,
    decode,
  };
}

/** Measures what the model runs on, while it does nothing. */
function limitsOf({ backend: { name, openedAs, threads }, config }: Runtime): Limits {
  using device = Device.open({ backend: name, instructionSet: openedAs, threads });
  return machineLimits(device, config);
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
  { prompt, repetitions, syntheticContext }: BenchmarkOptions,
  limits: Limits,
  told: () => void,
): Promise<PrefillResult> {
  const open = await opener(runtime, depth, syntheticContext);
  const rates: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    told();
    await using session = await open();
    const start = performance.now();
    await session.append(tokens(runtime, prompt), { logits: "none" });
    rates.push(prompt / (performance.now() - start) * 1000);
  }
  const rate = summarize(rates);
  const gflop = 2 * layerParameters(runtime.config) * rate.tokens_per_second / 1e9;
  const isFloat = ["f32", "bf16"].includes(runtime.weightsType);
  const limit = isFloat ? limits.bf16_gflop_s : limits.int8_gop_s;
  return { depth, tokens: prompt, ...rate, gflop_s: gflop, fraction_of_limit: gflop / limit };
}

async function timeDecode(
  runtime: Runtime,
  depth: number,
  batch: number,
  { generate, repetitions, syntheticContext }: BenchmarkOptions,
  limits: Limits,
  told: () => void,
): Promise<DecodeResult> {
  // The same sessions serve all repetitions: each goes a little deeper.
  await using stack = new AsyncDisposableStack();
  const open = await opener(runtime, Math.max(depth, 1), syntheticContext);
  const sessions: Session[] = [];
  for (let i = 0; i < batch; i++) sessions.push(stack.use(await open()));
  const rates: number[] = [];
  const gaps: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    told();
    const start = performance.now();
    // The first token comes of the logits that there are: each of the others takes a pass.
    const times = await Promise.all(sessions.map((session) => tokenTimes(session, generate + 1)));
    const last = Math.max(...times.map((one) => one.at(-1)!));
    rates.push(batch * generate / (last - start) * 1000);
    for (const one of times) gaps.push(...tokenGaps(one.slice(1), start));
  }
  gaps.sort((a, b) => a - b);
  const rate = summarize(rates);
  const bytes = bytesPerToken(runtime, depth, batch);
  const gb = bytes * rate.tokens_per_second / 1e9;
  return {
    depth,
    tokens: generate,
    batch,
    ...rate,
    ms_per_token: {
      p50: gaps[Math.floor(gaps.length * 0.5)]!,
      p99: gaps[Math.floor(gaps.length * 0.99)]!,
    },
    bytes_per_token: bytes,
    gb_s: gb,
    fraction_of_limit: gb / limits.read_gb_s,
  };
}

/** What opens sessions that hold `depth` tokens. */
async function opener(
  runtime: Runtime,
  depth: number,
  synthetic: boolean | undefined,
): Promise<() => Promise<Session>> {
  const context = tokens(runtime, depth);
  if (synthetic) {
    const snapshot = await syntheticSnapshot(runtime, context);
    return () => runtime.restore(snapshot);
  }
  return async () => {
    const session = await runtime.session();
    await session.append(context, { logits: "none" });
    return session;
  };
}

function tokens(runtime: Runtime, count: number): Int32Array {
  const { vocabularySize } = runtime.config;
  return Int32Array.from({ length: count }, (_, i) => (i * 7919 + 13) % vocabularySize);
}

function summarize(values: readonly number[]): Rate {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / Math.max(1, values.length - 1));
  return { tokens_per_second: mean, tokens_per_second_sd: deviation };
}
