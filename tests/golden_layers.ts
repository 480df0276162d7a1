/**
 * One layer's mixer, operator by operator, with everything between them that the golden files hold.
 *
 * @module
 */
import type { Ops, Tensor } from "../src/ops.ts";
import type { GoldenWeights } from "./golden.ts";
import { deltaKey, deltaQuery, gates } from "./reference/functions.ts";

/** Values by the names that the golden files give them. */
export type Values = Map<string, ArrayLike<number>>;

/** Sizes of a JetBlock. */
export interface JetShape {
  readonly heads: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly width: number;
  readonly epsilon: number;
}

/** Sizes of an attention layer; a window of 0 sees everything. */
export interface AttentionShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly theta: number;
  readonly window: number;
}

/** Makes tensors, and frees them together. */
class Bench implements Disposable {
  readonly #stack = new DisposableStack();

  constructor(readonly ops: Ops) {}

  tensor(rows: number, columns: number): Tensor {
    return this.#stack.use(this.ops.tensor("f32", rows, columns));
  }

  indices(...values: readonly number[]): Tensor {
    const tensor = this.#stack.use(this.ops.tensor("i32", 1, values.length));
    this.ops.write(tensor, Int32Array.from(values));
    return tensor;
  }

  linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
    const out = this.tensor(x.rows, weight.rows);
    this.ops.linear(out, x, weight, bias);
    return out;
  }

  read(tensor: Tensor): Float32Array {
    const values = new Float32Array(tensor.rows * tensor.columns);
    this.ops.read(tensor, values);
    return values;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/** The embeddings of a prompt after a layer's input norm. */
export function normedEmbeddings(
  ops: Ops,
  weights: GoldenWeights,
  tokens: Int32Array,
  epsilon: number,
): Float32Array {
  using bench = new Bench(ops);
  const table = weights.matrix("model.embed_tokens.weight");
  const x = bench.tensor(tokens.length, table.columns);
  ops.embedding(x, table, bench.indices(...tokens));
  ops.rmsNorm(x, x, weights.vector("model.layers.0.input_layernorm.weight"), epsilon);
  return bench.read(x);
}

/** A JetBlock over one segment that begins with an empty state. */
export function jetBlock(
  ops: Ops,
  weights: GoldenWeights,
  input: Float32Array,
  shape: JetShape,
  chunk: number,
): Values {
  using bench = new Bench(ops);
  const { heads, keySize, valueSize, width, epsilon } = shape;
  const channels = heads * valueSize;
  const prefix = "model.layers.0.self_attn";
  const generator = `${prefix}.dynamic_conv1d.kernel_generator`;
  const projection = weights.matrix(`${prefix}.q_proj.weight`);
  const rows = input.length / projection.columns;
  const x = bench.tensor(rows, projection.columns);
  ops.write(x, input);
  const project = (name: string) =>
    bench.linear(x, weights.matrix(`${prefix}.${name}_proj.weight`));
  const [q, k, v, g, a, b] = ["q", "k", "v", "g", "a", "b"].map(project) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const hidden = bench.linear(x, weights.matrix(`${generator}.w1.weight`));
  ops.silu(hidden, hidden);
  const taps = bench.linear(
    hidden,
    weights.tapMajor(`${generator}.w2.weight`, width),
    weights.tapMajorVector(`${generator}.w2.bias`, width),
  );
  const [segments, slots] = [bench.indices(0, rows), bench.indices(0)];
  const past = bench.tensor(1, (width - 1) * channels);
  const convolved = bench.tensor(rows, channels);
  ops.dynamicConvolution(convolved, v, taps, past, segments, slots);
  const aLog = weights.vector(`${prefix}.A_log`);
  const dtBias = weights.vector(`${prefix}.dt_bias`);
  const state = bench.tensor(1, heads * keySize * valueSize);
  const mixed = bench.tensor(rows, channels);
  // deno-fmt-ignore
  ops.gatedDelta(mixed, q, k, convolved, a, b, aLog, dtBias, state, segments, slots, chunk);
  ops.gatedNorm(mixed, mixed, g, weights.vector(`${prefix}.o_norm.weight`), epsilon);
  const y = bench.linear(mixed, weights.matrix(`${prefix}.o_proj.weight`));
  const [as, bs, aLogs, dtBiases] = [a, b, aLog, dtBias].map((tensor) => bench.read(tensor)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const gate = Array.from(
    as,
    (_, i) => gates(as[i]!, bs[i]!, aLogs[i % heads]!, dtBiases[i % heads]!),
  );
  return new Map<string, ArrayLike<number>>([
    ["debug.0.q", byHead(bench.read(q), keySize, deltaQuery)],
    ["debug.0.k", byHead(bench.read(k), keySize, deltaKey)],
    ["debug.0.alpha", gate.map(({ alpha }) => alpha)],
    ["debug.0.beta", gate.map(({ beta }) => beta)],
    ["debug.0.v", bench.read(convolved)],
    ["debug.0.o", bench.read(mixed)],
    ["state.recurrent.0", bench.read(state)],
    ["state.conv.0", bench.read(past)],
    ["y", bench.read(y)],
  ]);
}

function byHead(
  values: Float32Array,
  size: number,
  convert: (head: Float64Array) => Float64Array,
): number[] {
  const exact = Float64Array.from(values);
  return Array.from(
    { length: values.length / size },
    (_, head) => [...convert(exact.slice(head * size, (head + 1) * size))],
  ).flat();
}

/** An attention layer over one segment from position 0 on, in a cache that holds all of it. */
export function attentionLayer(
  ops: Ops,
  weights: GoldenWeights,
  input: Float32Array,
  shape: AttentionShape,
): Values {
  using bench = new Bench(ops);
  const { heads, kvHeads, headSize, theta, window } = shape;
  const prefix = "model.layers.0.self_attn";
  const output = weights.matrix(`${prefix}.o_proj.weight`);
  const rows = input.length / output.rows;
  const x = bench.tensor(rows, output.rows);
  ops.write(x, input);
  const project = (name: string) =>
    bench.linear(
      x,
      weights.matrix(`${prefix}.${name}_proj.weight`),
      weights.vector(`${prefix}.${name}_proj.bias`),
    );
  const [q, k, v] = ["q", "k", "v"].map(project) as [Tensor, Tensor, Tensor];
  const positions = bench.indices(...Array.from({ length: rows }, (_, position) => position));
  ops.rotary(q, q, positions, headSize, theta);
  ops.rotary(k, k, positions, headSize, theta);
  const pages = Math.ceil(rows / 16);
  const [keys, values] = [0, 1].map(() => bench.tensor(pages * 16, kvHeads * headSize)) as [
    Tensor,
    Tensor,
  ];
  const segments = bench.indices(0, rows);
  const list = (from: (page: number) => number) =>
    bench.indices(...Array.from({ length: pages }, (_, page) => from(page)));
  const place = (position: number) => (pages - 1 - (position >> 4)) * 16 + position % 16;
  const places = bench.indices(...Array.from({ length: rows }, (_, position) => place(position)));
  ops.cacheAppend(keys, values, k, v, places);
  const mixed = bench.tensor(rows, heads * headSize);
  const [table, starts, shifts] = [
    list((page) => pages - 1 - page),
    list((page) => page * 16),
    list(() => 0),
  ] as const;
  // deno-fmt-ignore
  ops.attention(mixed, q, keys, values, positions, segments, table, starts, shifts, headSize,
    window, theta);
  const kept = window ? Math.min(window, rows) : rows;
  const latest = (tensor: Tensor) =>
    headMajor(bench.read(tensor).subarray((rows - kept) * tensor.columns), kvHeads, headSize);
  return new Map<string, ArrayLike<number>>([
    ["state.k.0", latest(k)],
    ["state.v.0", latest(v)],
    ["y", bench.read(bench.linear(mixed, output))],
  ]);
}

/** `[rows, heads·size]` as `[heads, rows, size]`. */
function headMajor(values: Float32Array, heads: number, size: number): number[] {
  const rows = values.length / heads / size;
  return Array.from({ length: heads * rows }, (_, index) => {
    const start = (index % rows * heads + Math.floor(index / rows)) * size;
    return [...values.subarray(start, start + size)];
  }).flat();
}
