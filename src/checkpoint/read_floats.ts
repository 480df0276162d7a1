/**
 * Reads the numbers of weight files.
 *
 * @module
 */
import { ELEMENT_BYTES, type FileElementType } from "../ops.ts";
import type { TensorEntry } from "./checkpoint.ts";
import { readBytes } from "./files.ts";

/** The elements from `start` to `start + count` of a tensor of an open file, as f32. */
export function readFloats(
  file: Deno.FsFile,
  { path, offset, type }: TensorEntry,
  start: number,
  count: number,
): Float32Array {
  const size = ELEMENT_BYTES[type];
  file.seekSync(offset + start * size, Deno.SeekMode.Start);
  return toFloats(readBytes(file, count * size, path).buffer, type);
}

function toFloats(data: ArrayBuffer, type: FileElementType): Float32Array {
  if (type === "f32") return new Float32Array(data);
  if (type === "f16") return Float32Array.from(new Float16Array(data));
  // A bf16 is the upper half of an f32.
  const halves = new Uint16Array(data);
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}
