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

/** A result beside what the machine could do just before and after each repetition. */
export interface Held {
  /** In the unit of what is held against it, the mean of all these measurements. */
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
  const limits: Limits[] = [];
  const measure = () => {
    if (!options.limits) progress("measuring the machine", begun / steps);
    const measured = options.limits ?? limitsOf(runtime);
    limits.push(measured);
    return measured;
  };
  progress("warming up", 0);
  await warmUp(runtime);
  // What a machine can do changes with what else it does.
  measure();
  const repeat: Repeat = async (what, once) => {
    const repetitions: Repetition[] = [];
    for (let i = 0; i < options.repetitions; i++) {
      progress(what, begun++ / steps);
      const before = limits.at(-1)!;
      const rate = await once();
      repetitions.push({ rate, limits: meanLimits([before, measure()]) });
    }
    return repetitions;
  };
  for (const depth of options.depths) {
    if (options.prompt > 0) prefill.push(await timePrefill(runtime, depth, options, repeat));
    for (const batch of batches) {
      decode.push(await timeDecode(runtime, depth, batch, options, repeat));
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
    limits: meanLimits(limits),
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

/** One run of what is repeated: tokens a second, and the machine's limits before and after. */
interface Repetition {
  readonly rate: number;
  readonly limits: Limits;
}

/** Runs something, which returns tokens a second, several times. */
type Repeat = (what: string, once: () => Promise<number>) => Promise<Repetition[]>;

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
  { prompt, syntheticContext }: BenchmarkOptions,
  repeat: Repeat,
): Promise<PrefillResult> {
  const open = await opener(runtime, depth, syntheticContext);
  const repetitions = await repeat(`reading ${prompt} tokens at depth ${depth}`, async () => {
    await using session = await open();
    const start = performance.now();
    await session.append(tokens(runtime, prompt), { logits: "none" });
    return prompt / (performance.now() - start) * 1000;
  });
  const gflop = 2 * layerParameters(runtime.config) / 1e9;
  const isFloat = ["f32", "bf16"].includes(runtime.weightsType);
  const rate = summarize(repetitions, gflop, isFloat ? "bf16_gflop_s" : "int8_gop_s");
  return { depth, tokens: prompt, ...rate, gflop_s: gflop * rate.tokens_per_second };
}

async function timeDecode(
  runtime: Runtime,
  depth: number,
  batch: number,
  { generate, syntheticContext }: BenchmarkOptions,
  repeat: Repeat,
): Promise<DecodeResult> {
  // The same sessions serve all repetitions: each goes a little deeper.
  await using stack = new AsyncDisposableStack();
  const open = await opener(runtime, Math.max(depth, 1), syntheticContext);
  const sessions: Session[] = [];
  for (let i = 0; i < batch; i++) sessions.push(stack.use(await open()));
  const gaps: number[] = [];
  const together = batch === 1 ? "" : ` in each of ${batch} sessions`;
  const what = `generating ${generate} tokens at depth ${depth}${together}`;
  const repetitions = await repeat(what, async () => {
    // The first tokens may be there before a pass: each of the others takes one.
    const times = await Promise.all(sessions.map((session) => tokenTimes(session, generate + 1)));
    const start = Math.max(...times.map(([first]) => first!));
    const last = Math.max(...times.map((one) => one.at(-1)!));
    for (const [first, ...others] of times) gaps.push(...tokenGaps(others, first!));
    return times.flat().filter((time) => time > start).length / (last - start) * 1000;
  });
  gaps.sort((a, b) => a - b);
  const bytes = bytesPerToken(runtime, depth, batch);
  const rate = summarize(repetitions, bytes / 1e9, "read_gb_s");
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
    gb_s: bytes * rate.tokens_per_second / 1e9,
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

/** What repetitions come to, where each token takes so much of what a limit is of. */
function summarize(
  repetitions: readonly Repetition[],
  perToken: number,
  kind: keyof Limits,
): Rate & Held {
  const rates = repetitions.map(({ rate }) => rate);
  const average = mean(rates);
  const squares = rates.reduce((sum, rate) => sum + (rate - average) ** 2, 0);
  const limit = mean(repetitions.map(({ limits }) => limits[kind]));
  return {
    tokens_per_second: average,
    tokens_per_second_sd: Math.sqrt(squares / Math.max(1, rates.length - 1)),
    limit,
    fraction_of_limit: average * perToken / limit,
  };
}

function meanLimits(limits: readonly Limits[]): Limits {
  return {
    read_gb_s: mean(limits.map(({ read_gb_s }) => read_gb_s)),
    bf16_gflop_s: mean(limits.map(({ bf16_gflop_s }) => bf16_gflop_s)),
    int8_gop_s: mean(limits.map(({ int8_gop_s }) => int8_gop_s)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
