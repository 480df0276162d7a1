/**
 * What a machine can do at most, measured in the same run as what is held against it.
 *
 * @module
 */
import type { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import type { ModelConfig } from "./config.ts";
import type { Ops, Tensor } from "./ops.ts";
import { OutOfMemoryError } from "./weight_memory.ts";

/** What a machine can do at most. */
export interface Limits {
  /** Of a GPU, bytes read and written by a copy. */
  readonly read_gb_s: number;
  /** The CPU's kernels multiply bf16 as f32. */
  readonly bf16_gflop_s: number;
  readonly int8_gop_s: number;
}

/** Seconds that calls are repeated for. */
const MEASURED = 0.05;
/** Seconds of a call to which no more rows are added. */
const LONG = 0.02;
const MOST_ROWS = 4096;
/** Bytes of the largest copy, many times what caches hold. */
const MOST_COPIED = 512 * 2 ** 20;

/**
 * Measures a device that does nothing else. A CPU tells its limits itself. Of any other device they
 * are what its own operators reach on the shapes of a model: copies, and products of the largest
 * matrix with 16 to 4,096 rows, of which the fastest counts.
 */
export function machineLimits(device: Device, config: ModelConfig): Limits {
  if (device.backend === "cpu") {
    const { readGbS, f32GflopS, int8GopS } = device.measure();
    return { read_gb_s: readGbS, bf16_gflop_s: f32GflopS, int8_gop_s: int8GopS };
  }
  const ops = new NativeOps(device);
  const columns = Math.ceil(config.hiddenSize / 32) * 32;
  const outputs = 2 * config.intermediateSize;
  const productRate = (type: "bf16" | "q8") => {
    using weight = weights(ops, type, outputs, columns);
    return Math.max(...growing(16, MOST_ROWS, (rows) => {
      const seconds = productSeconds(ops, weight, rows);
      return { seconds, rate: 2 * rows * outputs * columns / seconds / 1e9 };
    }));
  };
  return {
    read_gb_s: copyRate(ops, columns),
    bf16_gflop_s: productRate("bf16"),
    int8_gop_s: productRate("q8"),
  };
}

/** Seconds that a call takes where it is repeated; all that was begun is waited for. */
export function secondsEach(ops: Ops, call: () => void): number {
  using marker = ops.tensor("f32", 1, 1);
  const wait = () => ops.read(marker, new Float32Array(1));
  call();
  wait();
  for (let count = 1;; count *= 2) {
    const start = performance.now();
    for (let i = 0; i < count; i++) call();
    wait();
    const seconds = (performance.now() - start) / 1000;
    if (seconds >= MEASURED) return seconds / count;
  }
}

/** Seconds of a product of so many rows with a matrix. */
export function productSeconds(ops: Ops, weight: Tensor, rows: number): number {
  using x = ops.tensor("f32", rows, weight.columns);
  using out = ops.tensor("f32", rows, weight.rows);
  ops.write(x, numbers(rows * weight.columns));
  return secondsEach(ops, () => ops.linear(out, x, weight));
}

/** A matrix of numbers that are not all alike: a processor may take zeros faster. */
export function weights(
  ops: Ops,
  type: "bf16" | "q8" | "q4",
  rows: number,
  columns: number,
): Tensor {
  const values = numbers(rows * columns);
  if (type !== "bf16") {
    const weight = ops.packed(type, rows, columns, 32);
    ops.write(weight, values);
    return weight;
  }
  const weight = ops.tensor("bf16", rows, columns);
  ops.write(weight, new Uint16Array(values.buffer).filter((_, i) => i % 2 === 1));
  return weight;
}

/** GB/s that are read and written when a matrix is copied that no cache holds. */
function copyRate(ops: Ops, columns: number): number {
  const most = Math.floor(MOST_COPIED / 8 / columns);
  return growing(Math.min(64, most), most, (count) => {
    using from = ops.tensor("f32", count, columns);
    using to = ops.tensor("f32", count, columns);
    using rows = ops.tensor("i32", 1, count);
    ops.write(rows, Int32Array.from({ length: count }, (_, row) => row));
    const seconds = secondsEach(ops, () => ops.gatherRows(to, from, rows));
    return { seconds, rate: 2 * 4 * count * columns / seconds / 1e9 };
  }).at(-1)!;
}

/** Rates of calls with ever more rows, until one is long enough, has `most`, or finds no room. */
function growing(
  least: number,
  most: number,
  measure: (rows: number) => { seconds: number; rate: number },
): number[] {
  const rates: number[] = [];
  for (let rows = least;; rows = Math.min(2 * rows, most)) {
    try {
      const { seconds, rate } = measure(rows);
      rates.push(rate);
      if (seconds >= LONG || rows === most) return rates;
    } catch (error) {
      if (error instanceof OutOfMemoryError && rates.length > 0) return rates;
      throw error;
    }
  }
}

function numbers(count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => (i * 7919 % 2003) / 1001 - 1);
}
