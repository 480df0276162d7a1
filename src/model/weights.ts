/**
 * The weights of a model as the forward pass reads them: matrices that share an input are packed
 * into one.
 *
 * @module
 */
import type { JetConfig, ModelConfig } from "../config.ts";
import type { Ops, PackedType, Tensor } from "../ops.ts";
import type { LoadProgress } from "../options.ts";
import { isSensitive } from "./sensitive.ts";
import { tensorShapes } from "./tensor_shapes.ts";
import { type MatrixType, matrixType, type StoredType, type WeightType } from "./weight_types.ts";

/** Where weights come from: a checkpoint's files, or random numbers. */
export interface WeightSource {
  /** Type in which the tensor is stored. Throws when it is missing or has another shape. */
  type(name: string, shape: readonly number[]): StoredType;
  /** Fills `out` with the tensor's rows `firstRow`, `firstRow + rowStep`, … */
  load(
    out: Tensor,
    name: string,
    shape: readonly number[],
    firstRow: number,
    rowStep: number,
  ): void;
}

/** A JetBlock: gated delta rule with a dynamic convolution on the values. */
export interface JetWeights {
  readonly kind: "jet";
  readonly input: Tensor; // [2·Dk + 2·Dv + R, D]: q, k, v, output gate, kernel generator w1
  readonly gates: Tensor; // [2·H, D], f32: a, b
  readonly taps: Tensor; // [W·Dv, R]: kernel generator w2, tap-major
  readonly tapsBias: Tensor; // [1, W·Dv], tap-major
  readonly aLog: Tensor; // [1, H]
  readonly dtBias: Tensor; // [1, H]
  readonly outputNorm: Tensor; // [1, V]
  readonly output: Tensor; // [D, Dv]
}

/** Full attention (`attn`) or a sliding window (`swa`). */
export interface AttentionWeights {
  readonly kind: "attn" | "swa";
  readonly input: Tensor; // [(heads + 2·kvHeads)·headSize, D]: q, k, v
  readonly inputBias?: Tensor; // [1, (heads + 2·kvHeads)·headSize]; qwen3 has none
  readonly headNorms?: HeadNorms; // qwen3 only
  readonly output: Tensor; // [D, heads·headSize]
}

/** Norms of each head's query and key, before they are turned to their positions. */
export interface HeadNorms {
  readonly query: Tensor; // [1, headSize]
  readonly key: Tensor; // [1, headSize]
}

/** One decoder layer. */
export interface LayerWeights {
  readonly inputNorm: Tensor; // [1, D]
  readonly mixer: JetWeights | AttentionWeights;
  readonly postNorm: Tensor; // [1, D]
  readonly gateUp: Tensor; // [2·F, D]: gate, up
  readonly down: Tensor; // [D, F]
}

/** A tensor with memory of its own, and its whole type. */
export interface LaidTensor {
  readonly tensor: Tensor;
  readonly type: MatrixType;
}

/** Tensors that are filled already, and taken in the order in which they are asked for. */
export interface TensorSupply {
  take(type: MatrixType, rows: number, columns: number): Tensor;
}

/** Options of {@linkcode Weights}. */
export interface WeightsOptions {
  /** Type of the matrices in memory (default `auto`). */
  readonly type?: WeightType;
  /** Where the tensors are, as they would be after loading. */
  readonly supply?: TensorSupply | undefined;
  /** Hears how far it is: at the begin, and after each tensor. */
  readonly progress?: ((progress: LoadProgress) => void) | undefined;
}

/** The type that a model's matrices have, in a word. */
export type WeightsSummary = "f32" | "bf16" | PackedType | "mixed";

/** All weights of a model. Disposing them frees their memory. */
export class Weights implements Disposable {
  readonly embedding: Tensor; // [vocabulary, D]
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: Tensor; // [1, D]
  readonly head: Tensor; // [vocabulary, D]; the embedding when tied
  /** Type of the layers' matrices, the gates' apart; `mixed` when they differ. */
  readonly type: WeightsSummary;
  /** Every tensor, in the order in which they were allocated, or taken from a supply. */
  readonly tensors: readonly LaidTensor[];
  readonly #owned: DisposableStack;

  /**
   * Loads every tensor of `config` from `source`, or takes them from a supply; nothing stays
   * allocated when one fails.
   */
  constructor(
    ops: Ops,
    config: ModelConfig,
    source: WeightSource,
    options: WeightsOptions = {},
  ) {
    using stack = new DisposableStack();
    const packer = new Packer({ ops, config, source, type: "auto", ...options }, stack);
    this.embedding = packer.pack(["model.embed_tokens.weight"]);
    this.finalNorm = packer.vector(["model.norm.weight"]);
    this.head = config.tiedEmbeddings ? this.embedding : packer.pack(["lm_head.weight"]);
    this.layers = config.layers.map((kind, index) => {
      const layer = `model.layers.${index}`;
      return {
        inputNorm: packer.vector([`${layer}.input_layernorm.weight`]),
        mixer: kind === "jet"
          ? packJet(packer, `${layer}.self_attn`, config.jet!)
          : packAttention(packer, `${layer}.self_attn`, kind, config),
        postNorm: packer.vector([`${layer}.post_attention_layernorm.weight`]),
        gateUp: packer.pack([`${layer}.mlp.gate_proj.weight`, `${layer}.mlp.up_proj.weight`]),
        down: packer.pack([`${layer}.mlp.down_proj.weight`]),
      };
    });
    this.type = packer.types.size === 1 ? [...packer.types][0]! : "mixed";
    this.tensors = packer.tensors;
    this.#owned = stack.move();
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}

function packJet(packer: Packer, prefix: string, jet: JetConfig): JetWeights {
  const generator = `${prefix}.dynamic_conv1d.kernel_generator`;
  const projection = (name: string) => `${prefix}.${name}_proj.weight`;
  const width = jet.convolutionWidth;
  return {
    kind: "jet",
    input: packer.pack([...["q", "k", "v", "g"].map(projection), `${generator}.w1.weight`]),
    // The gates stay f32 whatever the rest is: a rounding here acts on every later token.
    gates: packer.pack(["a", "b"].map(projection), "f32"),
    taps: packer.packTapMajor(`${generator}.w2.weight`, width),
    tapsBias: packer.vectorTapMajor(`${generator}.w2.bias`, width),
    aLog: packer.vector([`${prefix}.A_log`]),
    dtBias: packer.vector([`${prefix}.dt_bias`]),
    outputNorm: packer.vector([`${prefix}.o_norm.weight`]),
    output: packer.pack([projection("o")]),
  };
}

function packAttention(
  packer: Packer,
  prefix: string,
  kind: "attn" | "swa",
  { modelType }: ModelConfig,
): AttentionWeights {
  const parts = ["q", "k", "v"].map((name) => `${prefix}.${name}_proj`);
  const norm = (name: string) => packer.vector([`${prefix}.${name}_norm.weight`]);
  return {
    kind,
    input: packer.pack(parts.map((part) => `${part}.weight`)),
    ...(modelType === "qwen3"
      ? { headNorms: { query: norm("q"), key: norm("k") } }
      : { inputBias: packer.vector(parts.map((part) => `${part}.bias`)) }),
    output: packer.pack([`${prefix}.o_proj.weight`]),
  };
}

/** What a {@linkcode Packer} works with. */
interface PackerParts extends WeightsOptions {
  readonly ops: Ops;
  readonly config: ModelConfig;
  readonly source: WeightSource;
  readonly type: WeightType;
}

/** Allocates packed tensors and fills them from a source. */
class Packer {
  readonly tensors: LaidTensor[] = [];
  /** Types of the matrices, without those that are sensitive or whose type was fixed. */
  readonly types = new Set<Exclude<WeightsSummary, "mixed">>();
  readonly #parts: PackerParts;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  readonly #stack: DisposableStack;
  readonly #totalWeights: number;
  #weights = 0;

  constructor(parts: PackerParts, stack: DisposableStack) {
    this.#parts = parts;
    this.#shapes = tensorShapes(parts.config);
    this.#stack = stack;
    const sizes = this.#shapes.values().map((shape) => shape.reduce((x, y) => x * y));
    this.#totalWeights = sizes.reduce((sum, size) => sum + size);
    this.#note(0);
    // Every tensor is looked for before the first byte is loaded.
    for (const [name, shape] of this.#shapes) parts.source.type(name, shape);
  }

  /** The matrices `names`, one below the other. */
  pack(names: readonly string[], fixed?: WeightType): Tensor {
    const counts = names.map((name) => this.#shape(name)[0]!);
    const out = this.#matrix(names, counts, fixed);
    let row = 0;
    for (const [index, name] of names.entries()) {
      this.#load(out.rowView(row, counts[index]!), name, 0, 1);
      row += counts[index]!;
    }
    return out;
  }

  /** The vectors `names`, one after the other, as one row. */
  vector(names: readonly string[]): Tensor {
    const size = names.reduce((sum, name) => sum + this.#shape(name)[0]!, 0);
    const out = this.#allocate("f32", 1, size);
    let column = 0;
    for (const name of names) {
      const count = this.#shape(name)[0]!;
      this.#load(out.columnView(column, count), name, 0, 1);
      column += count;
    }
    return out;
  }

  /**
   * A matrix whose row c·width + t becomes row t·channels + c, so that each tap is one block of
   * channels.
   */
  packTapMajor(name: string, width: number): Tensor {
    const channels = this.#shape(name)[0]! / width;
    const out = this.#matrix([name], Array(width).fill(channels));
    for (let t = 0; t < width; t++) this.#load(out.rowView(t * channels, channels), name, t, width);
    return out;
  }

  /** A vector in the order of {@linkcode packTapMajor}. */
  vectorTapMajor(name: string, width: number): Tensor {
    const out = this.vector([name]);
    const { ops, supply } = this.#parts;
    if (supply) return out;
    const source = new Float32Array(out.columns);
    ops.read(out, source);
    const channels = out.columns / width;
    ops.write(
      out,
      source.map((_, i) => source[(i % channels) * width + Math.floor(i / channels)]!),
    );
    return out;
  }

  #shape(name: string): readonly number[] {
    return this.#shapes.get(name)!;
  }

  /** Memory for a matrix that `names` are loaded into, in parts of so many rows. */
  #matrix(names: readonly string[], rows: readonly number[], fixed?: WeightType): Tensor {
    const columns = this.#shape(names[0]!)[1]!;
    const stored = names.map((name) => this.#parts.source.type(name, this.#shape(name)));
    const isSpecial = names.some((name) => isSensitive(name, this.#parts.config));
    const wanted = isSpecial && this.#parts.type === "q4" ? "q8" : this.#parts.type;
    const type = matrixType(fixed ?? wanted, { stored, rows, columns });
    if (!fixed && !isSpecial) this.types.add(typeof type === "object" ? type.type : type);
    return this.#allocate(type, rows.reduce((sum, count) => sum + count), columns);
  }

  #allocate(type: MatrixType, rows: number, columns: number): Tensor {
    const { ops, supply } = this.#parts;
    const make = () =>
      typeof type === "object"
        ? ops.packed(type.type, rows, columns, type.group)
        : ops.tensor(type, rows, columns);
    const tensor = this.#stack.use(supply ? supply.take(type, rows, columns) : make());
    this.tensors.push({ tensor, type });
    return tensor;
  }

  #load(view: Tensor, name: string, firstRow: number, rowStep: number): void {
    using out = view;
    if (!this.#parts.supply) {
      this.#parts.source.load(out, name, this.#shape(name), firstRow, rowStep);
    }
    this.#note(out.rows * out.columns);
  }

  /** Counts so many weights that are there. */
  #note(weights: number): void {
    this.#weights += weights;
    this.#parts.progress?.({ weights: this.#weights, totalWeights: this.#totalWeights });
  }
}
