/**
 * Reads quantized checkpoints with the plainest loops, for tests of what writes and loads them.
 *
 * @module
 */
import { Checkpoint } from "../src/checkpoint/checkpoint.ts";
import { readSafetensors, type StoredTensor } from "../src/checkpoint/safetensors.ts";
import { safetensors } from "./checkpoints.ts";
import { fromFile } from "./reference/numbers.ts";

/** The bytes of a tensor, in memory of their own. */
export function tensorBytes({ path, offset, bytes }: StoredTensor): Uint8Array<ArrayBuffer> {
  using file = Deno.openSync(path);
  const data = new Uint8Array(bytes);
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let start = 0; start < bytes;) start += file.readSync(data.subarray(start))!;
  return data;
}

/** One number of a packed matrix, less the offset that makes it positive. */
export function codeAt(packed: Int32Array, words: number, bits: number, row: number, c: number) {
  const perWord = 32 / bits;
  const word = packed[row * words + Math.floor(c / perWord)]!;
  return (word >>> (bits * (c % perWord)) & (2 ** bits - 1)) - 2 ** (bits - 1);
}

/** The matrix that `NAME_packed`, `NAME_scale` and `NAME_shape` stand for. */
export function unpackMatrix(tensors: ReadonlyMap<string, StoredTensor>, name: string) {
  const shape = new BigInt64Array(tensorBytes(tensors.get(`${name}_shape`)!).buffer);
  const [rows, columns] = [Number(shape[0]), Number(shape[1])];
  const stored = tensors.get(`${name}_packed`)!;
  const packed = new Int32Array(tensorBytes(stored).buffer);
  const words = stored.shape[1]!;
  const scales = fromFile(tensorBytes(tensors.get(`${name}_scale`)!), "bf16");
  const groups = scales.length / rows;
  const bits = 32 * words / columns;
  const values = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const scale = scales[r * groups + Math.floor(c / (columns / groups))]!;
      values[r * columns + c] = scale * codeAt(packed, words, bits, r, c);
    }
  }
  return { values, rows, columns, groups, bits };
}

/** Writes a quantized model folder anew with f32 in place of packed matrices. */
export function dequantizeFolder(quantized: string, out: string): void {
  const { tensors } = Checkpoint.open(quantized);
  const header: Record<string, object> = {};
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let end = 0;
  const add = (name: string, dtype: string, shape: readonly number[], data: Uint8Array) => {
    header[name] = { dtype, shape, data_offsets: [end, end + data.length] };
    parts.push(new Uint8Array(data));
    end += data.length;
  };
  for (const [name, tensor] of tensors) {
    if (/_(?:scale|shape)$/.test(name)) continue;
    const matrix = name.replace(/_packed$/, "");
    if (matrix === name) {
      add(name, tensor.dtype, tensor.shape, tensorBytes(tensor));
    } else {
      const { values, rows, columns } = unpackMatrix(tensors, matrix);
      add(matrix, "F32", [rows, columns], new Uint8Array(values.buffer));
    }
  }
  Deno.mkdirSync(out);
  const file = safetensors(header, end);
  let offset = file.length - end;
  for (const part of parts) {
    file.set(part, offset);
    offset += part.length;
  }
  Deno.writeFileSync(`${out}/model.safetensors`, file);
  readSafetensors(`${out}/model.safetensors`);
  for (const { name } of Deno.readDirSync(quantized)) {
    if (!name.includes("safetensors")) Deno.copyFileSync(`${quantized}/${name}`, `${out}/${name}`);
  }
  const config = JSON.parse(Deno.readTextFileSync(`${out}/config.json`));
  delete config.quantization_config;
  Deno.writeTextFileSync(`${out}/config.json`, JSON.stringify(config));
}
