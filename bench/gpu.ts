/**
 * What a GPU makes of its memory and its arithmetic: copies, launches, the large products of a
 * model, whole decode steps and prompts, and as many sessions of a long context as fit, beside a
 * model with full attention. Limits are measured in the same run: see `src/machine_limits.ts`.
 *
 * ```sh
 * deno task bench:gpu                                # the shapes of the 2B model and qwen2.5 1.5B
 * deno task bench:gpu CONFIG.json FULL.json          # of others
 * ```
 *
 * @module
 */
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import {
  benchmark,
  benchmarkDepth,
  type BenchmarkOptions,
  type DecodeResult,
} from "../src/benchmark.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { type ModelConfig, parseConfig } from "../src/config.ts";
import {
  type Limits,
  machineLimits,
  productSeconds,
  secondsEach,
  weights,
} from "../src/machine_limits.ts";
import { bytesText } from "../src/cli/output.ts";
import type { MemoryReport } from "../src/reports.ts";
import { Runtime } from "../src/runtime.ts";
import { LEAST_BUDGET } from "../src/runtime_options.ts";

const TYPES = ["bf16", "q8", "q4"] as const;
const GIB = 2 ** 30;
/** Share of memory that is planned with. */
const USABLE = 0.97;

/** What is measured of a GPU. */
export interface GpuMeasurement {
  readonly backend: "cuda" | "metal" | "emulator";
  /** The configuration of the model, and of one with full attention. */
  readonly config: string;
  readonly fullConfig: string;
  /** Tokens of a prompt. */
  readonly prompt: number;
  /** Tokens that are generated. */
  readonly generate: number;
  readonly repetitions: number;
  /** Tokens of a long context. */
  readonly depth: number;
  /** Bytes of memory that sessions with a long context have to fit into, weights and all. */
  readonly memory: number;
}

const GPU: Omit<GpuMeasurement, "backend"> = {
  config: pathOf("jet-nemotron-2b.json"),
  fullConfig: pathOf("qwen2.5-1.5b.json"),
  prompt: 4096,
  generate: 64,
  repetitions: 3,
  depth: 65_536,
  memory: 8 * GIB,
};

/** Measures a GPU, and prints a line for each result. */
export async function measureGpu(
  what: GpuMeasurement,
  print: (line: string) => void = console.log,
): Promise<void> {
  const line = (name: string, result: string) => print(`${name.padEnd(40)} ${result}`);
  const config = parseConfig(readJson(what.config), what.config);
  let limits: Limits;
  let free: number | undefined;
  {
    using device = Device.open({ backend: what.backend });
    free = device.freeBytes;
    line(what.backend, `${device.instructionSet}, ${new Date().toISOString().slice(0, 10)}`);
    limits = machineLimits(device, config);
    line("copies", `${limits.read_gb_s.toFixed(1)} GB/s read and written`);
    line("fastest product in bf16", `${limits.bf16_gflop_s.toFixed(1)} GFLOP/s`);
    line("fastest product in 8 bits", `${limits.int8_gop_s.toFixed(1)} GOP/s`);
    const ops = new NativeOps(device);
    line("launches", `${(emptySeconds(ops, 1, false) * 1e6).toFixed(2)} µs each`);
    reportProducts(ops, config, limits, line);
  }
  for (const type of TYPES) await reportModel(what, type, limits, line);
  await compareDepths(what, bytesText(what.memory), what.memory, limits, line);
  await compareDepths(what, "all memory", free, limits, line);
}

type Line = (name: string, result: string) => void;

/** One row with the largest matrix, which reads it once. */
function reportProducts(ops: NativeOps, config: ModelConfig, limits: Limits, line: Line): void {
  const [outputs, inputs] = [2 * config.intermediateSize, config.hiddenSize];
  for (const type of TYPES) {
    using weight = weights(ops, type, outputs, inputs);
    const bits = { bf16: 16, q8: 8.5, q4: 4.5 }[type]; // with a scale of 16 bits for 32 columns
    const rate = outputs * inputs * bits / 8 / productSeconds(ops, weight, 1) / 1e9;
    line(`linear ${type} [${outputs}, ${inputs}] × 1`, bandwidth(rate, limits));
  }
}

/** Seconds of `count` kernels that do nothing, launched or replayed. */
function emptySeconds(ops: NativeOps, count: number, replayed: boolean): number {
  using x = ops.tensor("f32", 1, 1);
  const launch = () => {
    for (let i = 0; i < count; i++) ops.silu(x, x);
  };
  launch();
  if (!replayed) return secondsEach(ops, launch);
  using recording = ops.record(launch);
  return secondsEach(ops, () => recording.replay());
}

/** A prompt, and a token at a time of one session, with what launches alone take of it. */
async function reportModel(
  what: GpuMeasurement,
  type: typeof TYPES[number],
  limits: Limits,
  line: Line,
): Promise<void> {
  const { prompt, generate, repetitions } = what;
  const options = { prompt, generate, repetitions, depths: [0], batches: [1], limits };
  let launches: number;
  let step: number;
  {
    await using runtime = await openRandom(what, what.config, type, options, { sessions: 1 });
    const { decode: [decode], prefill: [prefill] } = await benchmark(runtime, options);
    const { tokens_per_second: tokens, gb_s } = decode!;
    line(`decode ${type}`, `${tokens.toFixed(1)} tokens/s, ${bandwidth(gb_s, limits)}`);
    const { tokens_per_second, gflop_s, fraction_of_limit } = prefill!;
    const peak = type === "bf16" ? "bf16" : "8 bits";
    line(
      `prompt of ${prompt} ${type}`,
      `${tokens_per_second.toFixed(1)} tokens/s, ${gflop_s.toFixed(1)} GFLOP/s in matrices, ` +
        `${percent(fraction_of_limit)} of the fastest product in ${peak}`,
    );
    launches = runtime.activity.work.launches;
    step = 1 / tokens;
  }
  using device = Device.open({ backend: what.backend });
  const seconds = emptySeconds(new NativeOps(device), launches, true);
  line(
    `replay ${type}`,
    `${launches} empty kernels in ${(seconds * 1e6).toFixed(1)} µs, ` +
      `${percent(seconds / step)} of a step`,
  );
}

/** Sessions of a long context, as many as fit into so much memory, of both models. */
async function compareDepths(
  what: GpuMeasurement,
  name: string,
  memory: number | undefined,
  limits: Limits,
  line: Line,
): Promise<void> {
  const rates: number[] = [];
  const models = { "sessions": what.config, "full attention": what.fullConfig };
  for (const [model, config] of Object.entries(models)) {
    const label = `${model} in ${name}`;
    const found = memory === undefined
      ? "the device does not tell how much it has"
      : await decodeTogether(what, config, memory, limits);
    if (typeof found === "string") {
      line(label, found);
      continue;
    }
    const { batch, tokens_per_second: tokens, gb_s } = found;
    const rate = `${tokens.toFixed(1)} tokens/s, ${bandwidth(gb_s, limits)}`;
    line(label, `${batch} of ${what.depth} tokens, together ${rate}`);
    rates.push(tokens);
  }
  const [one, other] = rates;
  if (rates.length === 2) line(`ratio in ${name}`, `${(one! / other!).toFixed(1)} times`);
}

/** What `memory` bytes allow, or why they allow nothing. */
async function decodeTogether(
  what: GpuMeasurement,
  config: string,
  memory: number,
  limits: Limits,
): Promise<DecodeResult | string> {
  const { depth, generate } = what;
  const one = { prompt: 0, generate, repetitions: 1, depths: [depth], batches: [1], limits };
  const options = { ...one, syntheticContext: true };
  let needs: MemoryReport;
  {
    await using runtime = await openRandom(what, config, "q4", options, { sessions: 1 });
    needs = runtime.memory;
  }
  // Scratch grows a little with the sessions.
  const room = Math.floor(USABLE * memory - needs.weights - needs.scratch);
  if (room < needs.session) return `no room for a session of ${bytesText(needs.session)}`;
  await using runtime = await openRandom(what, config, "q4", options, { memory: room });
  const batches = [runtime.memory.sessions];
  const { decode: [decode] } = await benchmark(runtime, { ...options, batches });
  return decode!;
}

/** A model of random weights, whose sessions hold all that is measured. */
async function openRandom(
  { backend }: GpuMeasurement,
  config: string,
  weights: typeof TYPES[number],
  options: BenchmarkOptions,
  room: { sessions: number } | { memory: number },
): Promise<Runtime> {
  const attentionBudget = Math.max(benchmarkDepth(options), LEAST_BUDGET);
  const all = { device: backend, weights, attentionBudget, prefixCache: 0, ...room };
  return await Runtime.random(config, all);
}

function bandwidth(rate: number, { read_gb_s }: Limits): string {
  return `${rate.toFixed(1)} GB/s, ${percent(rate / read_gb_s)} of copies`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function pathOf(name: string): string {
  return decodeURIComponent(new URL(`configs/${name}`, import.meta.url).pathname);
}

if (import.meta.main) {
  const [config = GPU.config, fullConfig = GPU.fullConfig] = Deno.args;
  for (const backend of ["cuda", "metal"] as const) {
    const reason = Device.whyNot(backend);
    if (reason === undefined) await measureGpu({ ...GPU, backend, config, fullConfig });
    else console.log(`Skipped ${backend}: ${reason}`);
  }
}
