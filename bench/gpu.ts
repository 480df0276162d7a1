/**
 * What a GPU makes of its memory: copies, launches, the large products of a model and whole decode
 * steps, each with the share of the copies' bandwidth that it reaches.
 *
 * ```sh
 * deno task bench:gpu                    # the shape of the 2B model
 * deno task bench:gpu CONFIG.json        # of another
 * ```
 *
 * @module
 */
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { benchmark } from "../src/benchmark.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { type ModelConfig, parseConfig } from "../src/config.ts";
import type { Tensor } from "../src/ops.ts";
import { Runtime } from "../src/runtime.ts";

const WEIGHTS = ["bf16", "q8", "q4"] as const;
const COPY_ROWS = 16384;
const MANY = 64; // rows of a piece of a prompt

/** Seconds that one of `count` calls takes; all that was begun is waited for. */
function secondsEach(ops: NativeOps, count: number, call: () => void): number {
  using marker = ops.tensor("f32", 1, 1);
  const wait = () => ops.read(marker, new Float32Array(1));
  call();
  wait();
  const start = performance.now();
  for (let i = 0; i < count; i++) call();
  wait();
  return (performance.now() - start) / 1000 / count;
}

function indices(ops: NativeOps, count: number): Tensor {
  const tensor = ops.tensor("i32", 1, count);
  ops.write(tensor, Int32Array.from({ length: count }, (_, index) => index));
  return tensor;
}

/** GB/s that are read and written when a matrix is copied. */
function copyRate(ops: NativeOps, columns: number): number {
  using from = ops.tensor("f32", COPY_ROWS, columns);
  using to = ops.tensor("f32", COPY_ROWS, columns);
  using rows = indices(ops, COPY_ROWS);
  const seconds = secondsEach(ops, 20, () => ops.gatherRows(to, from, rows));
  return 2 * 4 * COPY_ROWS * columns / seconds / 1e9;
}

function launchMicroseconds(ops: NativeOps): number {
  using x = ops.tensor("f32", 1, 1);
  return secondsEach(ops, 1000, () => ops.silu(x, x)) * 1e6;
}

function reportProducts(ops: NativeOps, config: ModelConfig, copies: number): void {
  const [outputs, inputs] = [2 * config.intermediateSize, config.hiddenSize];
  for (const type of WEIGHTS) {
    using weight = type === "bf16"
      ? ops.tensor(type, outputs, inputs)
      : ops.packed(type, outputs, inputs, 32);
    const bits = { bf16: 16, q8: 8.5, q4: 4.5 }[type]; // with a scale of 16 bits for 32 columns
    for (const rows of [1, MANY]) {
      using x = ops.tensor("f32", rows, inputs);
      using out = ops.tensor("f32", rows, outputs);
      const seconds = secondsEach(ops, 50, () => ops.linear(out, x, weight));
      const rate = outputs * inputs * bits / 8 / seconds / 1e9;
      const gflops = 2 * rows * outputs * inputs / seconds / 1e9;
      const result = rows === 1 ? withShare(rate, copies) : `${gflops.toFixed(1)} GFLOP/s`;
      line(`linear ${type} [${outputs}, ${inputs}] × ${rows}`, result);
    }
  }
}

/** A token at a time of one session, 512 tokens deep. */
async function reportDecode(
  path: string,
  backend: "cuda" | "metal",
  copies: number,
): Promise<void> {
  for (const weights of WEIGHTS) {
    await using runtime = await Runtime.random(path, { device: backend, weights, sessions: 1 });
    const limits = { read_gb_s: copies, bf16_gflop_s: Infinity, int8_gop_s: Infinity };
    const sizes = { prompt: MANY, generate: 64, depths: [512], batches: [1], repetitions: 3 };
    const options = { ...sizes, limits };
    const { decode: [decode], prefill: [prefill] } = await benchmark(runtime, options);
    const { tokens_per_second: tokens, gb_s } = decode!;
    line(`decode ${weights}`, `${tokens.toFixed(1)} tokens/s, ${withShare(gb_s, copies)}`);
    line(`prompt ${weights}`, `${prefill!.tokens_per_second.toFixed(1)} tokens/s`);
  }
}

function withShare(rate: number, copies: number): string {
  return `${rate.toFixed(1)} GB/s, ${(100 * rate / copies).toFixed(0)} % of copies`;
}

function line(name: string, result: string): void {
  console.log(`${name.padEnd(36)} ${result}`);
}

async function measure(backend: "cuda" | "metal", path: string): Promise<void> {
  const config = parseConfig(readJson(path), path);
  let copies: number;
  {
    using device = Device.open({ backend });
    const ops = new NativeOps(device);
    line(backend, `${device.instructionSet}, ${new Date().toISOString().slice(0, 10)}`);
    copies = copyRate(ops, config.hiddenSize);
    line("copies", `${copies.toFixed(1)} GB/s`);
    line("launches", `${launchMicroseconds(ops).toFixed(2)} µs each`);
    reportProducts(ops, config, copies);
  }
  await reportDecode(path, backend, copies);
}

if (import.meta.main) {
  const here = new URL("configs/jet-nemotron-2b.json", import.meta.url);
  const [path = decodeURIComponent(here.pathname)] = Deno.args;
  for (const backend of ["cuda", "metal"] as const) {
    const reason = Device.whyNot(backend);
    if (reason === undefined) await measure(backend, path);
    else console.log(`Skipped ${backend}: ${reason}`);
  }
}
