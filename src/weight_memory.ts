/**
 * The memory behind tensors, for what keeps weights in a file just as they lie there.
 *
 * @module
 */
import type { MatrixType } from "./model/weight_types.ts";
import type { Ops, Tensor, WeightFile } from "./ops.ts";

/** A device had no more memory. */
export class OutOfMemoryError extends Error {
  override readonly name = "OutOfMemoryError";
  /** Bytes of all tensors that it held by then. */
  readonly held: number;

  constructor(message: string, held: number) {
    super(message);
    this.held = held;
  }
}

/** Bytes on a device. */
export interface WeightMemory {
  readonly bytes: number;
  /** Fills `data` from byte `offset` on. */
  read(offset: number, data: Uint8Array<ArrayBuffer>): void;
  /** A checksum of a part, against damage, not malice. */
  checksum(offset: number, bytes: number): bigint;
}

/** The contents of a file. Disposing it leaves the tensors in it, which hold the memory, too. */
export interface MappedMemory extends WeightMemory, Disposable {
  /** The tensor that begins at byte `offset`, which is a multiple of 64. */
  tensor(type: MatrixType, rows: number, columns: number, offset: number): Tensor;
}

/** Operators that show the memory of their tensors. */
export interface MemoryOps extends Ops {
  /** Bytes of all tensors. */
  readonly bytes: number;
  /** The memory of a tensor that is no view. */
  memoryOf(tensor: Tensor): WeightMemory;
  /** Maps a file, which may then be closed. The memory is only read: writing to it throws. */
  map(file: WeightFile): MappedMemory;
}
