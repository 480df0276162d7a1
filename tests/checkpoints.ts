/**
 * Makes model folders that are as small as can be: every kind of layer, zeros for weights.
 *
 * @module
 */
import { parseConfig } from "../src/config.ts";
import { tensorShapes } from "../src/model/tensor_shapes.ts";

/** A `config.json` with three layers, one of each kind. */
export const SMALL_CONFIG = {
  model_type: "jet_nemotron",
  vocab_size: 24,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  hidden_act: "silu",
  layer_types: ["jet", "attn", "swa"],
  max_position_embeddings: 128,
  rope_theta: 10000,
  rope_scaling: null,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: true,
  eos_token_id: [21, 23],
  efficient_attention_config: {
    jet: {
      num_heads: 2,
      head_dim: 6,
      expand_v: 2,
      conv_size: 4,
      dconv_generator_reduction: 8,
      norm_eps: "1e-5",
    },
    swa: { window_size: 8 },
  },
};

/** The same as a Qwen2 model. */
export const SMALL_QWEN = {
  ...SMALL_CONFIG,
  model_type: "qwen2",
  layer_types: null,
  efficient_attention_config: null,
};

/** The same as a Qwen3 model, whose heads are wider than their part of the hidden size. */
export const SMALL_QWEN3 = {
  ...SMALL_QWEN,
  model_type: "qwen3",
  head_dim: 8,
  attention_bias: false,
};

/** One entry of a safetensors header. */
export interface HeaderEntry {
  dtype: string;
  shape: readonly number[];
  data_offsets: readonly number[];
}

/** A safetensors file: the length of the header, the header, `dataBytes` zeros. */
export function safetensors(header: unknown, dataBytes: number): Uint8Array<ArrayBuffer> {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const encoded = new TextEncoder().encode(text);
  const file = new Uint8Array(8 + encoded.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(encoded.length), true);
  file.set(encoded, 8);
  return file;
}

/** A safetensors file of zeros in BF16. */
export function zeros(shapes: Iterable<readonly [string, readonly number[]]>) {
  const header: Record<string, HeaderEntry> = {};
  let end = 0;
  for (const [name, shape] of shapes) {
    const begin = end;
    end += 2 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: "BF16", shape, data_offsets: [begin, end] };
  }
  return safetensors(header, end);
}

/** The files of a model folder by their names. */
export type Files = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** A model folder with one weight file, or with two and their index. */
export function smallModel(options: { sharded?: boolean; config?: unknown } = {}): Files {
  const { sharded = false, config = SMALL_CONFIG } = options;
  const tensors = [...tensorShapes(parseConfig(config, "config.json"))];
  const files = new Map([["config.json", json(config)]]);
  if (!sharded) return files.set("model.safetensors", zeros(tensors));
  const middle = Math.floor(tensors.length / 2);
  const weightMap: Record<string, string> = {};
  for (const [number, part] of [tensors.slice(0, middle), tensors.slice(middle)].entries()) {
    const name = `model-0000${number + 1}-of-00002.safetensors`;
    for (const [tensor] of part) weightMap[tensor] = name;
    files.set(name, zeros(part));
  }
  return files.set("model.safetensors.index.json", json({ weight_map: weightMap }));
}

export function json(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Calls `body` with a folder that holds `files`, and removes it. */
export function withFolder(files: Files, body: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "contrail-" });
  try {
    for (const [name, bytes] of files) Deno.writeFileSync(`${folder}/${name}`, bytes);
    body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Number of files that this process has open. */
export function openFiles(): number {
  return [...Deno.readDirSync("/dev/fd")].length;
}
