/**
 * The native operators on every instruction set that a library offers on this machine.
 *
 * @module
 */
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import type { Backend as Library } from "../kernels/build.ts";
import type { Ops } from "../src/ops.ts";

export type { Library };

/** Operators on one device, by a name for messages. */
export interface Backend {
  readonly name: string;
  readonly ops: Ops;
}

/** One instruction set, on one thread and on three. */
export interface Target {
  readonly instructionSet: string;
  readonly one: NativeOps;
  readonly several: NativeOps;
}

/** Devices on all instruction sets, or on those given, best first. Disposing closes them. */
export class Targets implements Disposable {
  readonly #devices = new DisposableStack();
  readonly all: readonly Target[];

  constructor(
    library: Library = "cpu",
    instructionSets: readonly string[] = Device.instructionSets(library),
  ) {
    const open = (instructionSet: string, threads: number) =>
      new NativeOps(this.#devices.use(Device.open({ backend: library, instructionSet, threads })));
    this.all = instructionSets.map((instructionSet) => ({
      instructionSet,
      one: open(instructionSet, 1),
      several: open(instructionSet, 3),
    }));
  }

  /** Every device by itself. */
  get backends(): Backend[] {
    return this.all.flatMap(({ instructionSet, one, several }) => [
      { name: `${instructionSet} on 1 thread`, ops: one },
      { name: `${instructionSet} on 3 threads`, ops: several },
    ]);
  }

  [Symbol.dispose](): void {
    this.#devices.dispose();
  }
}
