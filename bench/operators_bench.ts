/**
 * Every heavy operator at the shapes of the 2B model, matrix products at those of the 4B model too.
 * Run with `deno bench -A
 * bench/operators_bench.ts`; the table that follows Deno's own says GB/s for one token and GFLOP/s
 * for many.
 *
 * @module
 */
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { ensureLibrary } from "../kernels/build.ts";
import type { ElementType, PackedType, Tensor } from "../src/ops.ts";

await ensureLibrary();
const device = Device.open({});
const ops = new NativeOps(device);
const timings = new Map<string, { unit: string; work: number; times: number[] }>();

/** Registers a bench whose call moves `work` bytes (GB/s) or does `work` operations (GFLOP/s). */
function measure(name: string, unit: "GB/s" | "GFLOP/s", work: number, call: () => void): void {
  const times: number[] = [];
  timings.set(name, { unit, work, times });
  Deno.bench({
    name,
    group: name.split(" ")[0]!,
    fn: () => {
      const start = performance.now();
      call();
      times.push(performance.now() - start);
    },
  });
}

globalThis.addEventListener("unload", () => {
  for (const [name, { unit, work, times }] of timings) {
    if (times.length === 0) continue;
    times.sort((a, b) => a - b);
    const rate = work / times[times.length >> 1]! / 1e6;
    console.log(`${name.padEnd(56)} ${rate.toFixed(1).padStart(8)} ${unit}`);
  }
});

/** A tensor of small repeatable numbers. */
function filled(
  rows: number,
  columns: number,
  type: ElementType | PackedType = "f32",
): Tensor {
  const isPacked = type === "q8" || type === "q4";
  const tensor = isPacked ? ops.packed(type, rows, columns, 64) : ops.tensor(type, rows, columns);
  const values = Float32Array.from(
    { length: rows * columns },
    (_, i) => ((i * 7919) % 1999) / 1000 - 1,
  );
  if (type !== "bf16") ops.write(tensor, values);
  else ops.write(tensor, Uint16Array.from(new Uint32Array(values.buffer), (word) => word >>> 16));
  return tensor;
}

function indices(values: readonly number[]): Tensor {
  const tensor = ops.tensor("i32", 1, values.length);
  ops.write(tensor, Int32Array.from(values));
  return tensor;
}

const D = 1536;
const ROWS = [1, 64];
const MATRICES = [
  ["2B mlp up", 17920, D],
  ["2B mlp down", D, 8960],
  ["4B mlp up", 22016, 2048],
  ["4B mlp down", 2048, 11008],
] as const;

for (const type of ["f32", "bf16", "q8", "q4"] as const) {
  for (const [name, outputs, inputs] of MATRICES) {
    const weight = filled(outputs, inputs, type);
    const bytes = ops.memoryOf(weight).bytes;
    for (const rows of [1, 4, 64]) {
      const out = ops.tensor("f32", rows, outputs);
      const x = filled(rows, inputs);
      const [unit, work] = rows === 1
        ? ["GB/s", bytes] as const
        : ["GFLOP/s", 2 * rows * outputs * inputs] as const;
      measure(`linear ${type} ${name} [${outputs}, ${inputs}] × ${rows}`, unit, work, () => {
        ops.linear(out, x, weight);
      });
    }
  }
}

for (const rows of ROWS) {
  const [H, K, V, W] = [12, 96, 256, 4];
  const segments = indices([0, rows]);
  const slots = indices([0]);
  const positions = indices(Array.from({ length: rows }, (_, i) => 4096 - rows + i));
  const state = ops.tensor("f32", 1, H * K * V);
  const [q, k, v, out] = [filled(rows, H * K), filled(rows, H * K), filled(rows, H * V)]
    .concat(ops.tensor("f32", rows, H * V)) as [Tensor, Tensor, Tensor, Tensor];
  const [a, b] = [filled(rows, H), filled(rows, H)];
  const [aLog, dtBias] = [filled(1, H), filled(1, H)];
  const stateBytes = 2 * 4 * H * K * V;
  const flops = 7 * K * V * H * rows;
  for (const chunk of rows === 1 ? [0] : [0, 64]) {
    const [unit, work] = rows === 1 ? ["GB/s", stateBytes] as const : ["GFLOP/s", flops] as const;
    measure(`gatedDelta ${H}×${K}×${V} × ${rows}, chunk ${chunk}`, unit, work, () => {
      ops.gatedDelta(out, q, k, v, a, b, aLog, dtBias, state, segments, slots, chunk);
    });
  }

  const taps = filled(rows, W * H * V);
  const convolution = ops.tensor("f32", 1, (W - 1) * H * V);
  measure(`dynamicConvolution ${H * V} × ${rows}`, "GB/s", rows * 4 * H * V * (W + 2), () => {
    ops.dynamicConvolution(out, v, taps, convolution, segments, slots);
  });
  const norm = filled(1, V);
  measure(`gatedNorm ${H}×${V} × ${rows}`, "GB/s", rows * 4 * 3 * H * V, () => {
    ops.gatedNorm(out, out, v, norm, 1e-5);
  });

  const depth = 4096;
  const keys = filled(depth, 256, "bf16");
  const values = filled(depth, 256, "bf16");
  const list = Array.from({ length: depth / 16 }, (_, page) => page);
  const tables = [indices(list), indices(list.map((page) => page * 16))] as const;
  const shifts = { none: indices(list.map(() => 0)), many: indices(list.map((page) => 8 * page)) };
  const queries = filled(rows, D);
  const attended = ops.tensor("f32", rows, D);
  const [unit, work] = rows === 1
    ? ["GB/s", depth * 256 * 2 * 2] as const
    : ["GFLOP/s", rows * depth * D * 4] as const;
  for (const [name, shift] of Object.entries(shifts)) {
    measure(`attention ${depth} tokens × ${rows}, shifts ${name}`, unit, work, () => {
      // deno-fmt-ignore
      ops.attention(attended, queries, keys, values, positions, segments, ...tables, shift, 128, 0,
        1e6);
    });
  }

  const places = indices(Array.from({ length: rows }, (_, row) => row));
  const bounds = filled(depth / 16, 512);
  const [newKeys, newValues] = [filled(rows, 256), filled(rows, 256)];
  measure(`cacheAppend 256 with bounds × ${rows}`, "GB/s", rows * 256 * 2 * 6, () => {
    ops.cacheAppend(keys, values, newKeys, newValues, places, bounds);
  });
  const scores = ops.tensor("f32", 1, depth / 16);
  measure(`pageScores ${depth / 16} pages × ${rows}`, "GB/s", rows * depth / 16 * 512 * 4, () => {
    // deno-fmt-ignore
    ops.pageScores(scores, queries, bounds, positions, segments, ...tables, shifts.none, 128, 1e6);
  });

  const x = filled(rows, D);
  const weight = filled(1, D);
  const normed = ops.tensor("f32", rows, D);
  measure(`rmsNorm ${D} × ${rows}`, "GB/s", rows * 4 * 2 * D, () => {
    ops.rmsNorm(normed, x, weight, 1e-6);
  });
}

const VOCABULARY = 151936;
const logits = filled(1, VOCABULARY);
const scales = filled(1, 1);
const scalar = ops.tensor("f32", 1, 1);
const best = ops.tensor("i32", 1, 1);
const [topValues, topIndices] = [ops.tensor("f32", 1, 256), ops.tensor("i32", 1, 256)];
measure(`argmax ${VOCABULARY}`, "GB/s", 4 * VOCABULARY, () => ops.argmax(best, logits));
measure(`topK 256 of ${VOCABULARY}`, "GB/s", 4 * VOCABULARY, () => {
  ops.topK(topValues, topIndices, logits);
});
measure(`logSumExp ${VOCABULARY}`, "GB/s", 4 * VOCABULARY, () => {
  ops.logSumExp(scalar, logits, scales);
});
