/**
 * The shape of a model, from its `config.json`.
 *
 * @module
 */
import { Fields } from "./json_fields.ts";
import { checkQuantization } from "./quantization_config.ts";

export { type GenerationConfig, parseGenerationConfig } from "./generation_config.ts";

/** What mixes the tokens in a layer: a JetBlock, full attention or sliding-window attention. */
export type LayerType = "jet" | "attn" | "swa";

/** The JetBlocks of a model. A token has `heads · keySize` keys and `heads · valueSize` values. */
export interface JetConfig {
  /** Heads of keys and values. */
  readonly heads: number;
  /** Size of a head's key. */
  readonly keySize: number;
  /** Size of a head's value. */
  readonly valueSize: number;
  /** Tokens that the dynamic convolution reaches over, the current one included. */
  readonly convolutionWidth: number;
  /** Width of the hidden layer that makes the convolution's taps. */
  readonly generatorSize: number;
  /** Epsilon of the norm on the output of each head. */
  readonly normEpsilon: number;
}

/** A model's shape. All sizes are positive whole numbers unless it says otherwise. */
export interface ModelConfig {
  /** Kind of model. */
  readonly modelType: "jet_nemotron" | "qwen2" | "qwen3";
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width of the hidden layer of an MLP. */
  readonly intermediateSize: number;
  /** Rows of the embedding: at least as many as the tokenizer has tokens. */
  readonly vocabularySize: number;
  /** One entry a layer, the first layer first. */
  readonly layers: readonly LayerType[];
  /** Query heads of an attention layer, a multiple of `kvHeads`. */
  readonly heads: number;
  /** Heads of keys and values of an attention layer. */
  readonly kvHeads: number;
  /** Size of an attention head, an even number. */
  readonly headSize: number;
  /** Tokens that a sliding-window layer sees, the current one included; 0 without such layers. */
  readonly window: number;
  /** Tokens that the model was trained to read. */
  readonly maxPositions: number;
  /** Base of the rotary position embedding. */
  readonly ropeTheta: number;
  /** Epsilon of the norms before the mixers and MLPs, and of the last one. */
  readonly normEpsilon: number;
  /** Whether the embedding is the output matrix, too. */
  readonly tiedEmbeddings: boolean;
  /** There when a layer is a JetBlock. */
  readonly jet?: JetConfig;
  /** Ids of the tokens that end a text; may be empty. */
  readonly endTokens: readonly number[];
}

/** Sizes, positions and token ids are 32-bit integers in the kernels. */
const MAX_SIZE = 2 ** 31 - 1;
const MAX_LAYERS = 1024;
/** Elements of one matrix; a thousand times what the largest models have. */
const MAX_ELEMENTS = 2 ** 40;
/** Less would be zero in the kernels' f32. */
const MIN_EPSILON = 1e-30;

/**
 * Reads a parsed `config.json` in the form of the Transformers library, of `model_type`
 * "jet_nemotron", "qwen2" or "qwen3". `source` is what errors call the file.
 *
 * Throws an `Error` that names the field for whatever is missing, of the wrong type, out of range,
 * at odds with another field, or asks for what is not supported (scaled rotary embeddings, other
 * activations than SiLU, sliding windows in qwen2 and qwen3, biases in qwen3, other quantized
 * weights than "pack-quantized").
 *
 * @example
 * ```ts ignore
 * const path = "models/fable/config.json";
 * const config = parseConfig(readJson(path), path);
 * config.layers; // ["jet", "jet", "jet", "attn", "jet", "jet", "swa", "jet"]
 * ```
 */
export function parseConfig(json: unknown, source: string): ModelConfig {
  const fields = new Fields(json, source);
  const modelType = fields.choice("model_type", ["jet_nemotron", "qwen2", "qwen3"]);
  fields.choice("hidden_act", ["silu"]);
  if (fields.has("quantization_config")) checkQuantization(fields.object("quantization_config"));
  if (fields.has("rope_scaling")) throw fields.error("rope_scaling", "null");
  if (modelType === "qwen3" && fields.has("attention_bias") && fields.boolean("attention_bias")) {
    throw fields.error("attention_bias", "false, as qwen3 has no biases here");
  }
  const layers = modelType === "jet_nemotron" ? hybridLayers(fields) : qwenLayers(fields);
  const vocabularySize = size(fields, "vocab_size");
  const config: ModelConfig = {
    modelType,
    hiddenSize: size(fields, "hidden_size"),
    intermediateSize: size(fields, "intermediate_size"),
    vocabularySize,
    layers,
    ...attentionHeads(fields),
    window: layers.includes("swa") ? size(blockSection(fields, "swa"), "window_size") : 0,
    maxPositions: size(fields, "max_position_embeddings"),
    ropeTheta: fields.number("rope_theta", 1, 1e12),
    normEpsilon: fields.number("rms_norm_eps", MIN_EPSILON, 1),
    tiedEmbeddings: fields.boolean("tie_word_embeddings"),
    ...(layers.includes("jet") && { jet: jetConfig(blockSection(fields, "jet")) }),
    endTokens: fields.integers("eos_token_id", 0, vocabularySize - 1),
  };
  checkMatrices(config, fields);
  return config;
}

function size(fields: Fields, name: string): number {
  return fields.integer(name, 1, MAX_SIZE);
}

/** The section of a kind of layers that are not plain attention. */
function blockSection(fields: Fields, kind: "jet" | "swa"): Fields {
  return fields.object("efficient_attention_config").object(kind);
}

function hybridLayers(fields: Fields): readonly LayerType[] {
  return layerTypes(fields, { jet: "jet", attn: "attn", swa: "swa" });
}

function qwenLayers(fields: Fields): readonly LayerType[] {
  if (fields.has("use_sliding_window") && fields.boolean("use_sliding_window")) {
    throw fields.error("use_sliding_window", "false, as this runtime has full attention for it");
  }
  if (fields.has("layer_types")) return layerTypes(fields, { full_attention: "attn" });
  return Array(fields.integer("num_hidden_layers", 1, MAX_LAYERS)).fill("attn");
}

/** `layer_types`, one name for each of `num_hidden_layers`, translated by `names`. */
function layerTypes(
  fields: Fields,
  names: Readonly<Record<string, LayerType>>,
): readonly LayerType[] {
  const count = fields.integer("num_hidden_layers", 1, MAX_LAYERS);
  if (fields.list("layer_types").length !== count) {
    throw fields.error("layer_types", `a list of ${count}, which is num_hidden_layers`);
  }
  return fields.choices("layer_types", Object.keys(names)).map((name) => names[name]!);
}

function attentionHeads(fields: Fields): { heads: number; kvHeads: number; headSize: number } {
  const heads = size(fields, "num_attention_heads");
  const kvHeads = size(fields, "num_key_value_heads");
  if (heads % kvHeads !== 0) {
    throw fields.error("num_key_value_heads", `a divisor of num_attention_heads, ${heads}`);
  }
  const hidden = size(fields, "hidden_size");
  const given = fields.has("head_dim");
  if (!given && hidden % heads !== 0) {
    throw fields.error("hidden_size", `a multiple of num_attention_heads, ${heads}`);
  }
  const headSize = given ? size(fields, "head_dim") : hidden / heads;
  if (headSize % 2 === 0) return { heads, kvHeads, headSize };
  const name = given ? "head_dim" : "hidden_size / num_attention_heads";
  throw fields.wrong(name, `${headSize}`, "even, for the rotary embedding");
}

function jetConfig(fields: Fields): JetConfig {
  const heads = size(fields, "num_heads");
  const keySize = size(fields, "head_dim");
  const expand = fields.number("expand_v", 1e-6, 1e6);
  limit(fields, "num_heads · head_dim · max(1, expand_v)", heads * keySize * Math.max(1, expand));
  // The width of a head and of all heads are rounded on their own, as in training.
  const valueSize = Math.trunc(keySize * expand);
  const values = Math.trunc(heads * keySize * expand);
  if (valueSize < 1 || values !== heads * valueSize) {
    const found = `${expand}, which makes heads of ${valueSize} values and ${values} in all`;
    throw fields.wrong("expand_v", found, `such that all is num_heads, ${heads}, times a head`);
  }
  const reduction = size(fields, "dconv_generator_reduction");
  if (reduction > values) {
    throw fields.error("dconv_generator_reduction", `at most the ${values} values of all heads`);
  }
  return {
    heads,
    keySize,
    valueSize,
    convolutionWidth: size(fields, "conv_size"),
    generatorSize: Math.floor(values / reduction),
    normEpsilon: fields.numberOrText("norm_eps", MIN_EPSILON, 1),
  };
}

/** Refuses shapes that no kernel could address and no machine could hold. */
function checkMatrices(config: ModelConfig, fields: Fields): void {
  const { hiddenSize, intermediateSize, vocabularySize, heads, kvHeads, headSize, jet } = config;
  const attention = (heads + 2 * kvHeads) * headSize;
  limit(fields, "2 · intermediate_size", 2 * intermediateSize);
  limit(fields, "(num_attention_heads + 2 · num_key_value_heads) · head_dim", attention);
  const matrix = (name: string, width: number) =>
    limit(fields, `${name} · hidden_size`, width * hiddenSize, MAX_ELEMENTS);
  matrix("vocab_size", vocabularySize);
  matrix("2 · intermediate_size", 2 * intermediateSize);
  matrix("(num_attention_heads + 2 · num_key_value_heads) · head_dim", attention);
  if (!jet) return;
  const values = jet.heads * jet.valueSize;
  const projected = 2 * jet.heads * jet.keySize + 2 * values + jet.generatorSize;
  const taps = values * jet.convolutionWidth;
  limit(fields, "jet projections", projected);
  matrix("jet projections", projected);
  limit(fields, "jet state (num_heads · head_dim² · expand_v)", values * jet.keySize);
  limit(fields, "jet taps (num_heads · head_dim · expand_v · conv_size)", taps);
  limit(fields, "jet taps · generator width", taps * jet.generatorSize, MAX_ELEMENTS);
}

function limit(fields: Fields, name: string, value: number, most = MAX_SIZE): void {
  if (value > most) throw fields.wrong(name, `${value}`, `at most ${most}`);
}
