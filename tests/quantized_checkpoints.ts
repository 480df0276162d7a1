/**
 * Makes quantized checkpoints from plain ones, in the convention of compressed-tensors.
 *
 * @module
 */
import { Checkpoint } from "../src/checkpoint/checkpoint.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import type { StoredTensor } from "../src/checkpoint/safetensors.ts";
import { json } from "./checkpoints.ts";
import { fromFile, toBf16 } from "./reference/numbers.ts";
import { roundToPacked } from "./reference/packed.ts";

/** How the tensor of a name is quantized; `undefined` where it is not. */
export type Recipe = (name: string, shape: readonly number[]) => 4 | 8 | undefined;

/** What may have 8 bits where the rest has 4, as `config.json` names it. */
const EIGHT_BITS = ["re:.*(embed_tokens|o_proj|w2)$", "re:.*layers\\.[36]\\.self_attn\\..*"];

/** A tensor of a safetensors file. */
interface NewTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Copies the model in BF16 at `from` into the folder `to`, quantized as `recipe` says. */
export function quantizeCheckpoint(from: string, to: string, recipe: Recipe, group: number): void {
  const tensors = [...Checkpoint.open(from).tensors.values()].flatMap((tensor) => {
    const bits = recipe(tensor.name, tensor.shape);
    return bits ? quantized(tensor, bits, group) : [{ ...tensor, bytes: bytesOf(tensor) }];
  });
  Deno.mkdirSync(to, { recursive: true });
  Deno.writeFileSync(`${to}/model.safetensors`, safetensorsFile(tensors));
  const config = readJson(`${from}/config.json`) as Record<string, unknown>;
  const weights = { num_bits: 4, type: "int", symmetric: true, group_size: group };
  const quantization = {
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    config_groups: {
      group_0: { targets: ["Linear"], weights: { ...weights, strategy: "group" } },
      group_1: { targets: EIGHT_BITS, weights: { ...weights, num_bits: 8 } },
    },
  };
  Deno.writeFileSync(`${to}/config.json`, json({ ...config, quantization_config: quantization }));
}

function bytesOf({ path, offset, bytes }: StoredTensor): Uint8Array {
  return Deno.readFileSync(path).slice(offset, offset + bytes);
}

/** Codes, scales and shape of a matrix in BF16. */
function quantized(tensor: StoredTensor, bits: 4 | 8, group: number): NewTensor[] {
  const { name, shape } = tensor;
  const [rows, columns] = shape as readonly [number, number];
  const values = fromFile(bytesOf(tensor), "bf16");
  const codes = new Uint8Array(values.length * bits / 8);
  const scales = new Float64Array(values.length / group);
  for (let start = 0; start < values.length; start += group) {
    const elements = values.subarray(start, start + group);
    const { scale, integers } = codesOf(elements, bits, group);
    scales[start / group] = scale;
    for (const [i, code] of integers.entries()) {
      const place = (start + i) * bits;
      codes[Math.floor(place / 8)]! |= (code + 2 ** (bits - 1)) << (place % 8);
    }
  }
  return [
    { name: `${name}_packed`, dtype: "I32", shape: [rows, columns * bits / 32], bytes: codes },
    {
      name: `${name}_scale`,
      dtype: "BF16",
      shape: [rows, columns / group],
      bytes: new Uint8Array(toBf16(scales).buffer),
    },
    {
      name: `${name}_shape`,
      dtype: "I64",
      shape: [2],
      bytes: new Uint8Array(BigInt64Array.of(BigInt(rows), BigInt(columns)).buffer),
    },
  ];
}

/** The scale of a group and its codes, from what rounding makes of them. */
function codesOf(elements: Float64Array, bits: 4 | 8, group: number) {
  const rounded = roundToPacked(elements, bits, group);
  // The element of greatest magnitude has the code -8, or ±127.
  let greatest = 0;
  for (const [i, element] of elements.entries()) {
    if (Math.abs(element) > Math.abs(elements[greatest]!)) greatest = i;
  }
  const divisor = bits === 4 ? -8 : 127 * Math.sign(elements[greatest]!);
  const scale = rounded[greatest]! / divisor || 0;
  return { scale, integers: rounded.map((value) => scale === 0 ? 0 : value / scale) };
}

function safetensorsFile(tensors: readonly NewTensor[]): Uint8Array {
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const { name, dtype, shape, bytes } of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
  }
  const text = json(header);
  const file = new Uint8Array(8 + text.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let start = 8 + text.length;
  for (const { bytes } of tensors) {
    file.set(bytes, start);
    start += bytes.length;
  }
  return file;
}
