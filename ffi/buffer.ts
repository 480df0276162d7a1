/**
 * Memory on a device.
 *
 * @module
 */
import type { WeightMemory } from "../src/weight_memory.ts";
import type { Device } from "./device.ts";
import type { Handle } from "./library.ts";

/** Memory that several tensors share. It is freed when the last of them is disposed. */
export class Buffer implements WeightMemory {
  readonly bytes: number;
  /** For `ffi/` alone. */
  readonly device: Device;
  readonly #handle: Handle;
  #users = 0;

  /**
   * Zeroed memory.
   *
   * @throws {OutOfMemoryError} There is not so much memory.
   */
  static create(device: Device, bytes: number): Buffer {
    const { library } = device;
    const handle = library.functions.ct_buffer_create(device.handle, BigInt(bytes));
    if (handle) return new Buffer(device, handle, bytes);
    throw device.lastError();
  }

  /**
   * The contents of an open file, of so many bytes.
   *
   * @throws {OutOfMemoryError} There is not so much memory.
   * @throws {Error} It cannot be mapped.
   */
  static map(device: Device, file: Handle, bytes: number): Buffer {
    const { library } = device;
    const handle = library.functions.ct_buffer_map(device.handle, file);
    if (handle) return new Buffer(device, handle, bytes);
    throw device.lastError();
  }

  private constructor(device: Device, handle: Handle, bytes: number) {
    this.device = device;
    this.#handle = handle;
    this.bytes = bytes;
    device.bytes += bytes;
  }

  /** For `ffi/` alone. */
  get handle(): Handle {
    return this.#handle;
  }

  read(offset: number, data: Uint8Array<ArrayBuffer>): void {
    const { library } = this.device;
    const [from, bytes] = [BigInt(offset), BigInt(data.length)];
    library.check(library.functions.ct_buffer_read(this.#handle, from, data, bytes));
  }

  checksum(offset: number, bytes: number): bigint {
    const { library } = this.device;
    const sum = library.functions.ct_buffer_checksum(this.#handle, BigInt(offset), BigInt(bytes));
    if (sum === 0n) throw library.lastError();
    return sum;
  }

  /** Counts one more user: a tensor, or whoever makes one. */
  retain(): void {
    this.#users++;
  }

  /** Counts one user less, and frees the memory after the last. */
  release(): void {
    if (--this.#users > 0) return;
    const { library } = this.device;
    library.check(library.functions.ct_buffer_free(this.#handle));
    this.device.bytes -= this.bytes;
  }
}
