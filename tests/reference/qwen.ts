/**
 * The forward pass of Qwen2 and Qwen3 in plain float64 loops over a checkpoint's own tensors. It
 * shares nothing with the model file or the operators.
 *
 * @module
 */
import type { ModelConfig } from "../../src/config.ts";

/** The tensors of a checkpoint, row by row, by their names. */
export type QwenTensors = ReadonlyMap<string, Float64Array>;

type Rows = Float64Array[];

/** Logits of each token. */
export function qwenLogits(config: ModelConfig, tensors: QwenTensors, tokens: Int32Array): Rows {
  const { hiddenSize, normEpsilon, tiedEmbeddings } = config;
  const tensor = (name: string) => tensors.get(name)!;
  const embedding = tensor("model.embed_tokens.weight");
  const stream = Array.from(
    tokens,
    (id) => embedding.slice(id * hiddenSize, (id + 1) * hiddenSize),
  );
  const norm = (name: string) => stream.map((row) => rmsNorm(row, tensor(name), normEpsilon));
  const add = (rows: Rows) => {
    for (const [n, row] of rows.entries()) row.forEach((value, i) => stream[n]![i]! += value);
  };
  for (const index of config.layers.keys()) {
    const layer = `model.layers.${index}`;
    const mixed = attention(
      norm(`${layer}.input_layernorm.weight`),
      config,
      (name) => tensors.get(`${layer}.self_attn.${name}`),
    );
    add(mixed);
    const project = (row: Float64Array, name: string) =>
      product(tensor(`${layer}.mlp.${name}`), row);
    add(
      norm(`${layer}.post_attention_layernorm.weight`).map((row) => {
        const gate = project(row, "gate_proj.weight");
        const up = project(row, "up_proj.weight");
        return project(gate.map((g, i) => g / (1 + Math.exp(-g)) * up[i]!), "down_proj.weight");
      }),
    );
  }
  const head = tiedEmbeddings ? embedding : tensor("lm_head.weight");
  return norm("model.norm.weight").map((row) => product(head, row));
}

/** Attention of each token to itself and all before it. */
function attention(
  rows: Rows,
  { heads, kvHeads, headSize, ropeTheta, normEpsilon }: ModelConfig,
  tensor: (name: string) => Float64Array | undefined,
): Rows {
  /** The heads of a projection, normed and turned where that is due. */
  const project = (name: "q" | "k" | "v", row: Float64Array, position: number): Rows => {
    const bias = tensor(`${name}_proj.bias`);
    const all = product(tensor(`${name}_proj.weight`)!, row).map((x, i) => x + (bias?.[i] ?? 0));
    const norm = tensor(`${name}_norm.weight`);
    return Array.from({ length: all.length / headSize }, (_, head) => {
      const part = all.slice(head * headSize, (head + 1) * headSize);
      const normed = norm ? rmsNorm(part, norm, normEpsilon) : part;
      return name === "v" ? normed : turn(normed, position, ropeTheta);
    });
  };
  const keys = rows.map((row, n) => project("k", row, n));
  const values = rows.map((row, n) => project("v", row, n));
  return rows.map((row, n) => {
    const mixed = project("q", row, n).flatMap((query, head) => {
      const from = Math.floor(head / (heads / kvHeads));
      const scores = keys.slice(0, n + 1).map((key) =>
        Math.exp(dot(query, key[from]!) / Math.sqrt(headSize))
      );
      const total = scores.reduce((a, b) => a + b);
      return Array.from(
        { length: headSize },
        (_, i) => scores.reduce((sum, score, m) => sum + score * values[m]![from]![i]!, 0) / total,
      );
    });
    return product(tensor("o_proj.weight")!, Float64Array.from(mixed));
  });
}

/** Rotary embedding; frequency and angle are f32, as in training. */
function turn(head: Float64Array, position: number, theta: number): Float64Array {
  const half = head.length / 2;
  return head.map((x, i) => {
    const frequency = Math.fround(theta ** (-2 * (i % half) / head.length));
    const angle = Math.fround(position * frequency);
    const other = i < half ? -head[i + half]! : head[i - half]!;
    return x * Math.cos(angle) + other * Math.sin(angle);
  });
}

function rmsNorm(row: Float64Array, weight: Float64Array, epsilon: number): Float64Array {
  const root = Math.sqrt(dot(row, row) / row.length + epsilon);
  return row.map((x, i) => weight[i]! * x / root);
}

/** A matrix times a column. */
function product(matrix: Float64Array, x: Float64Array): Float64Array {
  const rows = matrix.length / x.length;
  return Float64Array.from(
    { length: rows },
    (_, r) => dot(matrix.subarray(r * x.length, (r + 1) * x.length), x),
  );
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}
