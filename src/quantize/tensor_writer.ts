/**
 * Writes one tensor into its place, in blocks of rows, so that memory stays small.
 *
 * @module
 */
import type { TensorEntry } from "../checkpoint/checkpoint.ts";
import { readBytes } from "../checkpoint/files.ts";
import { readFloats } from "../checkpoint/read_floats.ts";
import { ELEMENT_BYTES } from "../ops.ts";
import { writeAt } from "../store/write_file.ts";
import { type GroupFormat, GroupQuantizer } from "./group_quantizer.ts";
import type { Job } from "./jobs.ts";
import { packedBytes, packRow } from "./packing.ts";

/** Where a tensor is read and written. */
export interface Transfer {
  /** The open file that holds the tensor. */
  readonly source: Deno.FsFile;
  /** The open file that it goes into, and where its tensors begin. */
  readonly file: Deno.FsFile;
  readonly offsets: ReadonlyMap<string, number>;
  /** How much each column matters; without it all are alike. */
  readonly importance: Float64Array | undefined;
  /** Hears how many bytes of the tensor have been read. */
  readonly advance: (bytes: number) => void;
}

/** Σ h·(w − scale·q)² and Σ h·w² over a matrix. */
export interface ErrorSums {
  readonly error: number;
  readonly energy: number;
}

/** Elements in one block. */
const BLOCK = 4 * 1024 * 1024;

/** Writes what becomes of a tensor. Throws an `Error` when it holds what is not finite. */
export function writeTensor({ entry, format }: Job, transfer: Transfer): ErrorSums {
  if (format) return quantizeTensor(entry, format, transfer);
  copyTensor(entry, transfer);
  return { error: 0, energy: 0 };
}

function quantizeTensor(
  entry: TensorEntry,
  format: GroupFormat,
  { source, file, offsets, importance, advance }: Transfer,
): ErrorSums {
  const [rows, columns] = entry.shape as readonly [number, number];
  const quantizer = new GroupQuantizer(format, columns, importance);
  const { groups } = quantizer;
  const rowBytes = packedBytes(columns, format.bits);
  const blockRows = Math.max(1, Math.min(rows, Math.floor(BLOCK / columns)));
  const codes = new Uint8Array(columns);
  const packed = new Uint8Array(blockRows * rowBytes);
  const scales = new Uint16Array(blockRows * groups);
  const at = (part: string) => offsets.get(`${entry.name}_${part}`)!;
  for (let row = 0; row < rows; row += blockRows) {
    const count = Math.min(blockRows, rows - row);
    const values = readFloats(source, entry, row * columns, count * columns);
    packed.fill(0);
    for (let r = 0; r < count; r++) {
      const rowScales = scales.subarray(r * groups, (r + 1) * groups);
      if (!quantizer.row(values, r * columns, codes, rowScales)) throw notFinite(entry);
      packRow(codes, format.bits, packed.subarray(r * rowBytes, (r + 1) * rowBytes));
    }
    writeAt(file, at("packed") + row * rowBytes, packed.subarray(0, count * rowBytes));
    writeAt(file, at("scale") + 2 * row * groups, bytesOf(scales.subarray(0, count * groups)));
    advance((row + count) * columns * ELEMENT_BYTES[entry.type]);
  }
  writeAt(file, at("shape"), bytesOf(BigInt64Array.of(BigInt(rows), BigInt(columns))));
  return { error: quantizer.error, energy: quantizer.energy };
}

function copyTensor(
  entry: TensorEntry,
  { source, file, offsets, advance }: Transfer,
): void {
  const offset = offsets.get(entry.name)!;
  source.seekSync(entry.offset, Deno.SeekMode.Start);
  for (let done = 0; done < entry.bytes;) {
    const block = readBytes(source, Math.min(BLOCK, entry.bytes - done), entry.path);
    writeAt(file, offset + done, block);
    done += block.length;
    advance(done);
  }
}

function bytesOf(values: Uint16Array | BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function notFinite({ path, name }: TensorEntry): Error {
  return new Error(
    `Cannot quantize ${path}: tensor "${name}" holds a value that is not finite; use weights ` +
      "without such values",
  );
}
