/**
 * Memory on a device.
 *
 * @module
 */
import type { Device } from "./device.ts";
import type { Handle } from "./library.ts";

/** Zeroed memory that several tensors share. It is freed when the last of them is disposed. */
export class Buffer {
  readonly bytes: number;
  /** For `ffi/` alone. */
  readonly device: Device;
  readonly #handle: Handle;
  #tensors = 0;

  /** @throws {Error} There is not so much memory. */
  constructor(device: Device, bytes: number) {
    this.device = device;
    this.bytes = bytes;
    const { library } = device;
    const handle = library.functions.ct_buffer_create(device.handle, BigInt(bytes));
    this.#handle = library.made(handle);
    device.bytes += bytes;
  }

  /** For `ffi/` alone. */
  get handle(): Handle {
    return this.#handle;
  }

  /** Counts one more tensor. */
  retain(): void {
    this.#tensors++;
  }

  /** Counts one tensor less, and frees the memory after the last. */
  release(): void {
    if (--this.#tensors > 0) return;
    const { library } = this.device;
    library.check(library.functions.ct_buffer_free(this.#handle));
    this.device.bytes -= this.bytes;
  }
}
