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

/** A result beside what the machine could do just before and after. */
export interface Held {
  /** In the unit of what is held against it, the mean of both measurements. */
  readonly limit: number;
  readonly fraction_of_limit: number;
}

/** Result for prompts: one session, a piece of the prompt in each pass. */
export interface PrefillResult extends Rate, Held {
  readonly depth: number;
  readonly tokens: number;
  /** Held against the operations that the weights' type allows. */
  readonly gflop_s: number;
}

/** Result for generation: all sessions together, tokenization excluded, sampling included. */
export interface DecodeResult extends Rate, Held {
  readonly depth: number;
  readonly tokens: number;
  readonly batch: number;
  readonly ms_per_token: { readonly p50: number; readonly p99: number };
  readonly bytes_per_token: number;
  /** Held against the bytes that memory gives. */
  readonly gb_s: number;
}

/** All that was measured. */
export interface BenchmarkReport {
  readonly machine: { os: string; arch: string; instruction_set: string; threads: number };
  /** Means of all measurements of them. */
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
  const measure = () => {
    if (options.limits) return options.limits;
    progress("measuring the machine", begun / steps);
    return limitsOf(runtime);
  };
  progress("warming up", 0);
  await warmUp(runtime);
  // What a machine can do changes with what else it does.
  const limits = [measure()];
  const held = (value: number, kind: keyof Limits): Held => {
    limits.push(measure());
    const limit = mean(limits.slice(-2).map((each) => each[kind]));
    return { limit, fraction_of_limit: value / limit };
  };
  const isFloat = ["f32", "bf16"].includes(runtime.weightsType);
  for (const depth of options.depths) {
    if (options.prompt > 0) {
      const told = step(`reading ${options.prompt} tokens at depth ${depth}`);
      const result = await timePrefill(runtime, depth, options, told);
      const kind = isFloat ? "bf16_gflop_s" : "int8_gop_s";
      prefill.push({ ...result, ...held(result.gflop_s, kind) });
    }
    for (const batch of batches) {
      const sessions = batch === 1 ? "" : ` in each of ${batch} sessions`;
      const told = step(`generating ${options.generate} tokens at depth ${depth}${sessions}`);
      const result = await timeDecode(runtime, depth, batch, options, told);
      decode.push({ ...result, ...held(result.gb_s, "read_gb_s") });
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
    limits: {
      read_gb_s: mean(limits.map(({ read_gb_s }) => read_gb_s)),
      bf16_gflop_s: mean(limits.map(({ bf16_gflop_s }) => bf16_gflop_s)),
      int8_gop_s: mean(limits.map(({ int8_gop_s }) => int8_gop_s)),
    },
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
  told: () => void,
): Promise<Omit<PrefillResult, keyof Held>> {
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
  return { depth, tokens: prompt, ...rate, gflop_s: gflop };
}

async function timeDecode(
  runtime: Runtime,
  depth: number,
  batch: number,
  { generate, repetitions, syntheticContext }: BenchmarkOptions,
  told: () => void,
): Promise<Omit<DecodeResult, keyof Held>> {
  // The same sessions serve all repetitions: each goes a little deeper.
  await using stack = new AsyncDisposableStack();
  const open = await opener(runtime, Math.max(depth, 1), syntheticContext);
  const sessions: Session[] = [];
  for (let i = 0; i < batch; i++) sessions.push(stack.use(await open()));
  const rates: number[] = [];
  const gaps: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    told();
    // The first tokens may be there before a pass: each of the others takes one.
    const times = await Promise.all(sessions.map((session) => tokenTimes(session, generate + 1)));
    const start = Math.max(...times.map(([first]) => first!));
    const last = Math.max(...times.map((one) => one.at(-1)!));
    rates.push(times.flat().filter((time) => time > start).length / (last - start) * 1000);
    for (const [first, ...others] of times) gaps.push(...tokenGaps(others, first!));
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
  const average = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - average) ** 2, 0);
  const deviation = Math.sqrt(squares / Math.max(1, values.length - 1));
  return { tokens_per_second: average, tokens_per_second_sd: deviation };
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
