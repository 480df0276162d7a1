/**
 * Weights from the files of a checkpoint.
 *
 * @module
 */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import {
  ELEMENT_BYTES,
  type FileElementType,
  type Ops,
  type Tensor,
  type WeightFile,
} from "../ops.ts";
import type { WeightSource } from "./weights.ts";

/**
 * Reads each tensor from its file, which the operators' library maps. Disposing closes the files.
 */
export class CheckpointSource implements WeightSource, Disposable {
  readonly #ops: Ops;
  readonly #checkpoint: Checkpoint;
  readonly #files = new Map<string, WeightFile>();

  constructor(ops: Ops, checkpoint: Checkpoint) {
    this.#ops = ops;
    this.#checkpoint = checkpoint;
  }

  type(name: string, shape: readonly number[]): FileElementType {
    return this.#checkpoint.entry(name, shape).type;
  }

  load(
    out: Tensor,
    name: string,
    shape: readonly number[],
    firstRow: number,
    rowStep: number,
  ): void {
    const { path, offset, type } = this.#checkpoint.entry(name, shape);
    let file = this.#files.get(path);
    if (!file) this.#files.set(path, file = this.#ops.openFile(path));
    const rowBytes = out.columns * ELEMENT_BYTES[type];
    this.#ops.load(out, { file, offset: offset + firstRow * rowBytes, type, rowStep });
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) file[Symbol.dispose]();
    this.#files.clear();
  }
}
