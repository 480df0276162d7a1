/**
 * Tensors in a file that is mapped.
 *
 * @module
 */
import type { MatrixType } from "../src/model/weight_types.ts";
import type { WeightFile } from "../src/ops.ts";
import type { MappedMemory } from "../src/weight_memory.ts";
import { Buffer } from "./buffer.ts";
import type { Device } from "./device.ts";
import { NativeFile } from "./file.ts";
import { NativeTensor } from "./tensor.ts";

/** The contents of a file, for tensors of {@linkcode NativeOps}. */
export class NativeMemory implements MappedMemory {
  readonly bytes: number;
  #buffer: Buffer | undefined;

  /** @throws {Error} The file cannot be mapped. */
  constructor(device: Device, file: WeightFile) {
    this.bytes = file.bytes;
    this.#buffer = Buffer.map(device, NativeFile.handleOf(file), file.bytes);
    this.#buffer.retain();
  }

  read(offset: number, data: Uint8Array<ArrayBuffer>): void {
    this.#open.read(offset, data);
  }

  checksum(offset: number, bytes: number): bigint {
    return this.#open.checksum(offset, bytes);
  }

  tensor(type: MatrixType, rows: number, columns: number, offset: number): NativeTensor {
    const view = typeof type === "object"
      ? { type: type.type, offset, rows, columns, group: type.group }
      : { type, offset, rows, columns, stride: columns };
    return NativeTensor.at(this.#open, view);
  }

  get #open(): Buffer {
    if (this.#buffer) return this.#buffer;
    throw new Error("The mapped memory is disposed; map the file again");
  }

  [Symbol.dispose](): void {
    this.#buffer?.release();
    this.#buffer = undefined;
  }
}
