/**
 * Scratch tensors of the forward pass, and views of them for each number of tokens.
 *
 * @module
 */
import type { JetConfig, ModelConfig } from "../config.ts";
import type { Ops, Tensor } from "../ops.ts";

/** Activations of a jet layer; `q … generator` are columns of `input`, `a` and `b` of `gates`. */
export interface JetActivations {
  readonly input: Tensor; // [N, 2·Dk + 2·Dv + R]
  readonly q: Tensor; // [N, Dk]
  readonly k: Tensor; // [N, Dk]
  readonly v: Tensor; // [N, Dv]
  readonly outputGate: Tensor; // [N, Dv]
  readonly generator: Tensor; // [N, R]
  readonly gates: Tensor; // [N, 2·H]
  readonly a: Tensor; // [N, H]
  readonly b: Tensor; // [N, H]
  readonly taps: Tensor; // [N, W·Dv]
  readonly convolved: Tensor; // [N, Dv]
  readonly mixed: Tensor; // [N, Dv]
}

/** Activations of an attention layer; `rotated` is q and k, all of them columns of `input`. */
export interface AttentionActivations {
  readonly input: Tensor; // [N, (heads + 2·kvHeads)·headSize]
  readonly rotated: Tensor; // [N, (heads + kvHeads)·headSize]
  readonly q: Tensor; // [N, heads·headSize]
  readonly k: Tensor; // [N, kvHeads·headSize]
  readonly v: Tensor; // [N, kvHeads·headSize]
  readonly mixed: Tensor; // [N, heads·headSize]
}

/** Activations of N tokens. */
export interface Activations {
  readonly x: Tensor; // [N, D], the residual stream
  readonly normed: Tensor; // [N, D]
  readonly y: Tensor; // [N, D], what a block adds to the stream
  readonly gateUp: Tensor; // [N, 2·F]
  readonly gate: Tensor; // [N, F]
  readonly up: Tensor; // [N, F]
  readonly jet: JetActivations;
  readonly attention: AttentionActivations;
}

/** Scratch memory for at most `maxRows` tokens. */
export class ActivationBuffers implements Disposable {
  readonly #config: ModelConfig;
  readonly #owned = new DisposableStack();
  readonly #full: Readonly<Record<BufferName, Tensor>>;
  readonly #views = new Map<number, Activations>();

  constructor(ops: Ops, config: ModelConfig, maxRows: number) {
    this.#config = config;
    const columns = bufferColumns(config);
    const names = Object.keys(columns) as BufferName[];
    this.#full = Object.fromEntries(
      names.map((name) => [name, this.#owned.use(ops.tensor("f32", maxRows, columns[name]))]),
    ) as Record<BufferName, Tensor>;
  }

  /** The activations of `rows` tokens; the same tensors for the same number. */
  rows(rows: number): Activations {
    let views = this.#views.get(rows);
    if (!views) this.#views.set(rows, views = this.#make(rows));
    return views;
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }

  #make(rows: number): Activations {
    const view = (name: BufferName) => this.#owned.use(this.#full[name].rowView(0, rows));
    const part = (tensor: Tensor, start: number, count: number) =>
      this.#owned.use(tensor.columnView(start, count));
    const { intermediateSize: F, heads, kvHeads, headSize } = this.#config;
    const { Dk, Dv, H, R } = jetSizes(this.#config.jet);
    const q = heads * headSize;
    const kv = kvHeads * headSize;
    const gateUp = view("gateUp");
    const jetInput = view("jetInput");
    const gates = view("gates");
    const attentionInput = view("attentionInput");
    return {
      x: view("x"),
      normed: view("normed"),
      y: view("y"),
      gateUp,
      gate: part(gateUp, 0, F),
      up: part(gateUp, F, F),
      jet: {
        input: jetInput,
        q: part(jetInput, 0, Dk),
        k: part(jetInput, Dk, Dk),
        v: part(jetInput, 2 * Dk, Dv),
        outputGate: part(jetInput, 2 * Dk + Dv, Dv),
        generator: part(jetInput, 2 * Dk + 2 * Dv, R),
        gates,
        a: part(gates, 0, H),
        b: part(gates, H, H),
        taps: view("taps"),
        convolved: view("convolved"),
        mixed: view("jetMixed"),
      },
      attention: {
        input: attentionInput,
        rotated: part(attentionInput, 0, q + kv),
        q: part(attentionInput, 0, q),
        k: part(attentionInput, q, kv),
        v: part(attentionInput, q + kv, kv),
        mixed: view("attentionMixed"),
      },
    };
  }
}

type BufferName = keyof ReturnType<typeof bufferColumns>;

/** Columns of each scratch tensor. */
function bufferColumns(config: ModelConfig) {
  const { hiddenSize: D, intermediateSize: F, heads, kvHeads, headSize } = config;
  const { Dk, Dv, H, R, W } = jetSizes(config.jet);
  return {
    x: D,
    normed: D,
    y: D,
    gateUp: 2 * F,
    jetInput: 2 * Dk + 2 * Dv + R,
    gates: 2 * H,
    taps: W * Dv,
    convolved: Dv,
    jetMixed: Dv,
    attentionInput: (heads + 2 * kvHeads) * headSize,
    attentionMixed: heads * headSize,
  };
}

/** A model without jet layers gets jet scratch of one column each, so that shapes stay uniform. */
function jetSizes(jet: JetConfig | undefined) {
  if (!jet) return { Dk: 1, Dv: 1, H: 1, R: 1, W: 1 };
  return {
    Dk: jet.heads * jet.keySize,
    Dv: jet.heads * jet.valueSize,
    H: jet.heads,
    R: jet.generatorSize,
    W: jet.convolutionWidth,
  };
}
