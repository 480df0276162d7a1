/**
 * A device: the threads and the instruction set that operators run on.
 *
 * @module
 */
import type { Backend } from "../kernels/build.ts";
import { OutOfMemoryError } from "../src/weight_memory.ts";
import { Buffer } from "./buffer.ts";
import { cString, type Handle, isUint32, type Library, library, textFrom } from "./library.ts";

/** The header's numbers of what can be measured, in the order of {@linkcode DeviceLimits}. */
export const LIMIT_NUMBERS = [0, 1, 2] as const;

/** The header's numbers of the kinds of failures. */
export const STATUS_NUMBERS = { SUCCESS: 0, FAILED: 1, OUT_OF_MEMORY: 2 } as const;

/** Much more than any cache holds. */
const LIMIT_BYTES = 512 * 2 ** 20;

/** What a device can do at most, to hold measurements against. */
export interface DeviceLimits {
  /** Bytes read from memory, in 10^9 a second. */
  readonly readGbS: number;
  /** Multiply-adds in f32, with which bf16 is multiplied, too: 10^9 operations a second. */
  readonly f32GflopS: number;
  /** The products of packed weights: 10^9 operations a second. */
  readonly int8GopS: number;
}

/** How a device is opened. */
export interface DeviceOptions {
  /** What runs the operators; `cpu` is the default. */
  readonly backend?: Backend;
  /** One of {@linkcode Device.instructionSets}; `auto` (the default) is the best. */
  readonly instructionSet?: string;
  /** Threads; 0 (the default) is one for each physical core. */
  readonly threads?: number;
}

/**
 * An open device. Disposing it ends its threads; the memory that was made on it stays until it is
 * freed itself.
 *
 * @example
 * ```ts
 * import { Device } from "./ffi/device.ts";
 * import { NativeOps } from "./ffi/ops.ts";
 * import { ensureLibrary } from "./kernels/build.ts";
 *
 * await ensureLibrary();
 * using device = Device.open({ threads: 1 });
 * const ops = new NativeOps(device);
 * using x = ops.tensor("f32", 1, 4);
 * ops.write(x, Float32Array.of(-1, 0, 1, 2));
 * ops.silu(x, x);
 * ```
 */
export class Device implements Disposable {
  readonly backend: Backend;
  /** Its name; on a GPU what that is called. */
  readonly instructionSet: string;
  readonly threads: number;
  /** What runs the operators; its functions are for `ffi/` alone. */
  readonly library: Library;
  /** Bytes of the buffers that were made on the device and not yet freed. */
  bytes = 0;
  #handle: Handle | undefined;

  /** Names of the instruction sets that the library holds and the processor has, best first. */
  static instructionSets(backend?: Backend): string[] {
    return textFrom(library(backend).functions.ct_instruction_sets).split(" ");
  }

  /**
   * Opens a device.
   *
   * @throws {Error} There is no such instruction set, or no such number of threads can be had.
   */
  static open(options: DeviceOptions = {}): Device {
    const { backend = "cpu", instructionSet = "auto", threads = 0 } = options;
    if (!isUint32(threads)) {
      throw new RangeError(`threads is ${threads}; pass a whole number, or 0 for all cores`);
    }
    const from = library(backend);
    const handle = from.functions.ct_device_open(cString(instructionSet), threads);
    return new Device(backend, from, from.made(handle));
  }

  /** Why no device of a backend can be opened here, in a sentence; nothing where one can. */
  static whyNot(backend: Backend): string | undefined {
    try {
      Device.open({ backend, threads: 1 })[Symbol.dispose]();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  private constructor(backend: Backend, library: Library, handle: Handle) {
    const { ct_device_describe, ct_device_threads } = library.functions;
    this.backend = backend;
    this.library = library;
    this.#handle = handle;
    this.instructionSet = textFrom((text, size) => ct_device_describe(handle, text, size));
    this.threads = ct_device_threads(handle);
  }

  /** For `ffi/` alone. Throws when the device is closed. */
  get handle(): Handle {
    if (this.#handle) return this.#handle;
    throw new Error("The device is closed; open another");
  }

  /**
   * For `ffi/` alone: the error of the last call that failed, an {@linkcode OutOfMemoryError} where
   * memory ran out.
   */
  lastError(): Error {
    const error = this.library.lastError();
    const status = this.library.functions.ct_last_status();
    if (status !== STATUS_NUMBERS.OUT_OF_MEMORY) return error;
    return new OutOfMemoryError(error.message, this.bytes);
  }

  /** Bytes that can still be had of its own memory; `undefined` where it does not tell. */
  get freeBytes(): number | undefined {
    return Number(this.library.functions.ct_device_memory(this.handle)) || undefined;
  }

  /**
   * What the device can do at most: see {@linkcode DeviceLimits}. Takes about a second.
   *
   * @throws {Error} It is no CPU, which alone tells its limits itself.
   */
  measure(): DeviceLimits {
    const memory = Buffer.create(this, LIMIT_BYTES);
    memory.retain();
    try {
      const [readGbS, f32GflopS, int8GopS] = LIMIT_NUMBERS.map((limit) => {
        const { ct_device_measure } = this.library.functions;
        const rate = ct_device_measure(this.handle, limit, memory.handle);
        if (rate < 0) throw this.library.lastError();
        return rate;
      }) as [number, number, number];
      return { readGbS, f32GflopS, int8GopS };
    } finally {
      memory.release();
    }
  }

  [Symbol.dispose](): void {
    if (!this.#handle) return;
    this.library.check(this.library.functions.ct_device_close(this.#handle));
    this.#handle = undefined;
  }
}
