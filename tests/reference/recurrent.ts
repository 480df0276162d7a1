/**
 * Operators that carry a state along the segments of a batch.
 *
 * @module
 */
import type { Tensor } from "../../src/ops.ts";
import { deltaKey, deltaQuery, gates, silu } from "./functions.ts";
import { indices, operand, segmentsOf } from "./tensor.ts";

export function dynamicConvolution(
  out: Tensor,
  x: Tensor,
  taps: Tensor,
  state: Tensor,
  segments: Tensor,
  slots: Tensor,
): void {
  const name = "dynamic_convolution";
  const channels = x.columns;
  const width = taps.columns / channels;
  const from = operand(name, "x", x);
  const to = operand(name, "out", out, { rows: x.rows, columns: channels });
  const filters = operand(name, "taps", taps, {
    rows: x.rows,
    columns: Math.ceil(width) * channels,
  });
  const past = operand(name, "state", state, { columns: (width - 1) * channels });
  const runs = segmentsOf(name, segments, x.rows);
  const slotOf = indices(name, "slots", slots, runs.length, state.rows);
  for (const { index, start, end } of runs) {
    const inputs: Float64Array[] = []; // the state, oldest first, then the segment's rows
    for (let t = 0; t < width - 1; t++) {
      inputs.push(past.row(slotOf[index]!).slice(t * channels, (t + 1) * channels));
    }
    for (let n = start; n < end; n++) inputs.push(from.row(n));
    for (let n = start; n < end; n++) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let t = 0; t < width; t++) {
          sum += filters.row(n)[t * channels + c]! * inputs[n - start + t]![c]!;
        }
        to.row(n)[c] = silu(sum);
      }
    }
    const latest = inputs.slice(end - start);
    for (let t = 0; t < width - 1; t++) past.row(slotOf[index]!).set(latest[t]!, t * channels);
  }
}

/** Tensors of {@linkcode gatedDelta}, as in the contract. */
export interface GatedDelta {
  readonly out: Tensor;
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly a: Tensor;
  readonly b: Tensor;
  readonly aLog: Tensor;
  readonly dtBias: Tensor;
  readonly state: Tensor;
  readonly segments: Tensor;
  readonly slots: Tensor;
}

/** Runs token by token always: the chunked form is another order of the same sums. */
export function gatedDelta(tensors: GatedDelta): void {
  const name = "gated_delta";
  const rows = tensors.a.rows;
  const heads = tensors.a.columns;
  const keySize = tensors.q.columns / heads;
  const valueSize = tensors.v.columns / heads;
  const keys = { rows, columns: Math.ceil(keySize) * heads };
  const values = { rows, columns: Math.ceil(valueSize) * heads };
  const q = operand(name, "q", tensors.q, keys);
  const k = operand(name, "k", tensors.k, keys);
  const v = operand(name, "v", tensors.v, values);
  const out = operand(name, "out", tensors.out, values);
  const a = operand(name, "a", tensors.a);
  const b = operand(name, "b", tensors.b, { rows, columns: heads });
  const aLog = operand(name, "a_log", tensors.aLog, { rows: 1, columns: heads }).row(0);
  const dtBias = operand(name, "dt_bias", tensors.dtBias, { rows: 1, columns: heads }).row(0);
  const state = operand(name, "state", tensors.state, {
    types: ["f32", "bf16"],
    columns: heads * keySize * valueSize,
  });
  const runs = segmentsOf(name, tensors.segments, rows);
  const slotOf = indices(name, "slots", tensors.slots, runs.length, state.rows);
  const part = (row: Float64Array, head: number, size: number) =>
    row.subarray(head * size, (head + 1) * size);
  for (const { index, start, end } of runs) {
    for (let n = start; n < end; n++) {
      for (let h = 0; h < heads; h++) {
        const { alpha, beta } = gates(a.row(n)[h]!, b.row(n)[h]!, aLog[h]!, dtBias[h]!);
        const result = deltaStep(
          part(state.row(slotOf[index]!), h, keySize * valueSize),
          deltaQuery(part(q.row(n), h, keySize)),
          deltaKey(part(k.row(n), h, keySize)),
          part(v.row(n), h, valueSize),
          alpha,
          beta,
        );
        part(out.row(n), h, valueSize).set(result);
      }
    }
    // A bf16 state is rounded once for all of the segment.
    state.setRow(slotOf[index]!, state.row(slotOf[index]!));
  }
}

/** One token of one head: brings `state[K, V]` up to date and reads it with the query. */
function deltaStep(
  state: Float64Array,
  q: Float64Array,
  k: Float64Array,
  v: Float64Array,
  alpha: number,
  beta: number,
): Float64Array {
  const keySize = k.length;
  const valueSize = v.length;
  for (let i = 0; i < state.length; i++) state[i]! *= alpha;
  const recalled = new Float64Array(valueSize);
  for (let i = 0; i < keySize; i++) {
    for (let j = 0; j < valueSize; j++) recalled[j]! += k[i]! * state[i * valueSize + j]!;
  }
  for (let i = 0; i < keySize; i++) {
    for (let j = 0; j < valueSize; j++) {
      state[i * valueSize + j]! += k[i]! * beta * (v[j]! - recalled[j]!);
    }
  }
  const out = new Float64Array(valueSize);
  for (let i = 0; i < keySize; i++) {
    for (let j = 0; j < valueSize; j++) out[j]! += q[i]! * state[i * valueSize + j]!;
  }
  return out;
}
