/**
 * Cases of the operators that carry a state along segments.
 *
 * @module
 */
import {
  type CaseOptions,
  fallingSlots,
  indexRow,
  input,
  type OperatorCase,
  operatorCase,
  output,
  starts,
  state,
} from "./case.ts";
import { constant, type Fill, normal, only, uniform } from "./random.ts";

function convolution(
  width: number,
  channels: number,
  lengths: readonly number[],
  options: CaseOptions = {},
): OperatorCase {
  const bounds = starts(lengths);
  const rows = bounds.at(-1)!;
  const slots = fallingSlots(lengths.length);
  const label = `width ${width} x[${rows},${channels}] segments ${lengths}`;
  return operatorCase("dynamicConvolution", label + (options.packed ? " packed" : ""), {
    out: output(rows, channels),
    x: input(rows, channels, normal()),
    taps: input(rows, width * channels, normal()),
    state: state(lengths.length + 2, (width - 1) * channels, only(slots, normal())),
    segments: indexRow(...bounds),
    slots: indexRow(...slots),
  }, options);
}

function convolutions(): OperatorCase[] {
  return [
    convolution(4, 1, [1]),
    convolution(4, 31, [2]),
    convolution(4, 32, [3]),
    convolution(4, 33, [4]),
    convolution(4, 127, [5, 1]),
    convolution(4, 192, [1, 1, 1, 1]),
    convolution(4, 1536, [3, 2]),
    convolution(4, 48, [3, 0, 1, 17, 2]),
    convolution(1, 33, [3, 2]),
    convolution(2, 33, [3, 0, 1]),
    convolution(3, 64, [1, 7]),
    convolution(5, 17, [2, 9, 4]),
    convolution(9, 20, [5, 3]),
    convolution(4, 40, [4, 70]),
    convolution(4, 40, [5, 3], { packed: ["x", "out"] }),
  ];
}

/** What a case of gated_delta varies. */
interface Delta {
  readonly heads?: number;
  readonly key?: number;
  readonly value?: number;
  readonly lengths: readonly number[];
  readonly chunk?: number;
  readonly stateType?: "f32" | "bf16";
  readonly qk?: Fill;
  readonly a?: Fill;
  readonly b?: Fill;
  readonly aLog?: Fill;
  readonly dtBias?: Fill;
  /** Of values and states. */
  readonly scale?: number;
  readonly options?: CaseOptions;
}

// With the dt_bias and a below, decays from 1e-8 to 0.9999.
const rising = (heads: number): Fill => (_random, _row, head) =>
  Math.log(0.01) + head / Math.max(1, heads - 1) * Math.log(1600);

// A sum over a chunk, and the matrix that solves it, round more often than a recurrence.
const LONG_CHUNKS = { nmse: 3e-12, worst: 4e-5 };

function delta(note: string, given: Delta): OperatorCase {
  const { heads = 3, key = 24, value = 64, lengths, chunk = 0, qk = normal() } = given;
  const { stateType = "f32", scale = 1 } = given;
  const bounds = starts(lengths);
  const rows = bounds.at(-1)!;
  const slots = fallingSlots(lengths.length);
  const type = stateType === "f32" ? "" : ` state ${stateType}`;
  const sizes = `heads ${heads} K ${key} V ${value} segments ${lengths} chunk ${chunk}${type}`;
  return operatorCase("gatedDelta", note ? `${sizes} ${note}` : sizes, {
    out: output(rows, heads * value),
    q: input(rows, heads * key, qk),
    k: input(rows, heads * key, qk),
    v: input(rows, heads * value, normal(scale)),
    a: input(rows, heads, given.a ?? uniform(-4, 1)),
    b: input(rows, heads, given.b ?? normal(2)),
    aLog: input(1, heads, given.aLog ?? rising(heads)),
    dtBias: input(1, heads, given.dtBias ?? uniform(-3, 0)),
    state: state(
      lengths.length + 2,
      heads * key * value,
      only(slots, normal(scale / 2)),
      stateType,
    ),
    segments: indexRow(...bounds),
    slots: indexRow(...slots),
  }, { ...(chunk >= 64 && { bound: LONG_CHUNKS }), ...given.options, scalars: [chunk] });
}

function recurrences(): OperatorCase[] {
  return [
    delta("", { heads: 1, key: 1, value: 1, lengths: [3] }),
    delta("", { heads: 1, key: 31, value: 33, lengths: [2] }),
    delta("", { heads: 2, key: 32, value: 31, lengths: [1, 1, 1] }),
    delta("", { heads: 5, key: 33, value: 32, lengths: [3, 1] }),
    delta("", { heads: 1, key: 127, value: 127, lengths: [2] }),
    delta("", { heads: 1, key: 128, value: 20, lengths: [2] }),
    delta("", { heads: 1, key: 129, value: 20, lengths: [2] }),
    delta("", { heads: 2, key: 256, value: 33, lengths: [3] }),
    delta("", { heads: 4, key: 16, value: 8, lengths: [9, 12] }),
    delta("", { heads: 12, key: 96, value: 256, lengths: [1, 2] }),
    delta("", { lengths: [3, 0, 1, 17, 2] }),
    delta("saturated gates", { lengths: [5], a: uniform(-100, 100), b: uniform(-100, 100) }),
    delta("softplus of every size", { lengths: [9], a: uniform(-9, 25), aLog: constant(-3) }),
    delta("very negative softplus", { lengths: [9], a: uniform(-110, -80) }),
    delta("decay near 1", { lengths: [33], a: uniform(-12, -8) }),
    delta("epsilon matters", { lengths: [6], qk: normal(2e-3) }),
    delta("zero q and k", { lengths: [4], qk: constant(0) }),
    delta("large q and k", { lengths: [4], qk: normal(50) }),
    delta("packed", { lengths: [3, 4], options: { packed: ["q", "k", "v", "a", "b", "out"] } }),
  ];
}

function chunked(): OperatorCase[] {
  const cases: OperatorCase[] = [];
  // Segments of up to 8 tokens run token by token, whatever the chunk.
  for (const chunk of [16, 64, 128]) {
    for (const length of [8, 9, chunk - 1, chunk, chunk + 1]) {
      cases.push(delta("", { lengths: [length], chunk }));
    }
  }
  const strong: Fill = (random, row) => row % 3 === 1 ? 40 : -4 * random.next();
  const plain = { aLog: constant(0), dtBias: constant(0) };
  return [
    ...cases,
    delta("", { lengths: [10], chunk: 1 }),
    delta("", { lengths: [23], chunk: 5 }),
    delta("", { heads: 1, key: 1, value: 1, lengths: [40], chunk: 16 }),
    delta("", { heads: 2, key: 31, value: 33, lengths: [70], chunk: 32 }),
    delta("", { heads: 2, key: 33, value: 31, lengths: [50], chunk: 17 }),
    delta("", { heads: 2, key: 127, value: 32, lengths: [100], chunk: 64 }),
    delta("", { heads: 2, key: 96, value: 256, lengths: [150], chunk: 64 }),
    delta("", { heads: 1, key: 256, value: 20, lengths: [70], chunk: 32 }),
    delta("", { lengths: [17, 0, 1, 40, 8, 9], chunk: 16 }),
    delta("", { lengths: [65, 3, 130], chunk: 64 }),
    delta("saturated gates", {
      lengths: [70],
      chunk: 64,
      a: uniform(-100, 100),
      b: uniform(-100, 100),
    }),
    delta("decay e^-40 every third token", { ...plain, lengths: [140], chunk: 64, a: strong }),
    delta("decay near 1", { lengths: [300], chunk: 64, a: uniform(-12, -8) }),
    delta("equal keys, beta 1, decay 1", {
      lengths: [70],
      chunk: 64,
      qk: constant(1),
      a: uniform(-120, -110),
      b: uniform(30, 40),
    }),
    delta("epsilon matters", { lengths: [20], chunk: 16, qk: normal(2e-3) }),
    delta("large values", { lengths: [40], chunk: 32, scale: 1e12 }),
    delta("small values", { lengths: [40], chunk: 32, scale: 1e-12 }),
    delta("packed", {
      lengths: [20, 9],
      chunk: 16,
      options: { packed: ["q", "k", "v", "a", "b", "out"] },
    }),
  ];
}

function rounded(): OperatorCase[] {
  const stateType = "bf16";
  return [
    delta("", { heads: 1, key: 1, value: 1, lengths: [3], stateType }),
    delta("", { heads: 2, key: 31, value: 33, lengths: [2, 0, 5], stateType }),
    delta("", { heads: 5, key: 33, value: 31, lengths: [1, 1, 1], stateType }),
    delta("", { heads: 12, key: 96, value: 256, lengths: [1, 2], stateType }),
    delta("", { lengths: [3, 0, 1, 17, 2], stateType }),
    delta("", { heads: 2, key: 200, value: 24, lengths: [3, 1], stateType }),
    delta("", { heads: 2, key: 31, value: 33, lengths: [70, 8, 9], chunk: 64, stateType }),
    delta("", { heads: 2, key: 33, value: 31, lengths: [3, 65, 0, 130], chunk: 64, stateType }),
    delta("", { heads: 1, key: 96, value: 127, lengths: [100], chunk: 64, stateType }),
    delta("decay near 1", { lengths: [33], a: uniform(-12, -8), stateType }),
  ];
}

/** One long segment that forgets little. */
export function longRecurrence(
  length: number,
  chunk: number,
  stateType: "f32" | "bf16" = "f32",
): OperatorCase {
  const given = { heads: 2, key: 24, value: 16, lengths: [length], chunk, stateType };
  return delta("remembers long", { ...given, a: uniform(-12, -6) });
}

/** Cases of dynamic_convolution and gated_delta. */
export function recurrentCases(): OperatorCase[] {
  return [...convolutions(), ...recurrences(), ...chunked(), ...rounded()];
}
