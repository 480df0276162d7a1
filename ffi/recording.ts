/**
 * Operator calls that a device keeps and runs together.
 *
 * @module
 */
import type { Recording } from "../src/recording.ts";
import type { Device } from "./device.ts";
import type { Handle } from "./library.ts";

/** A recording of {@linkcode NativeOps.record}. It holds the memory that its calls reach. */
export class NativeRecording implements Recording {
  readonly launches: number;
  readonly #device: Device;
  #handle: Handle | undefined;

  /** Records what `calls` calls. */
  static make(device: Device, calls: () => void): NativeRecording {
    const { library, handle } = device;
    const { ct_record_begin, ct_record_end } = library.functions;
    library.check(ct_record_begin(handle));
    try {
      calls();
    } catch (error) {
      const rest = ct_record_end(handle);
      if (rest) new NativeRecording(device, rest)[Symbol.dispose]();
      throw error;
    }
    return new NativeRecording(device, library.made(ct_record_end(handle)));
  }

  private constructor(device: Device, handle: Handle) {
    this.#device = device;
    this.#handle = handle;
    this.launches = device.library.functions.ct_recording_launches(handle);
  }

  replay(): void {
    if (!this.#handle) throw new Error("The recording is disposed; record the calls again");
    const { library } = this.#device;
    library.check(library.functions.ct_recording_replay(this.#handle));
  }

  [Symbol.dispose](): void {
    if (!this.#handle) return;
    const { library } = this.#device;
    library.check(library.functions.ct_recording_free(this.#handle));
    this.#handle = undefined;
  }
}
