/**
 * Weights from the files of a checkpoint.
 *
 * @module
 */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { PackedEntry } from "../checkpoint/packed_entry.ts";
import type { StoredTensor } from "../checkpoint/safetensors.ts";
import { ELEMENT_BYTES, type Ops, type Tensor, type WeightFile } from "../ops.ts";
import type { StoredType } from "./weight_types.ts";
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

  type(name: string, shape: readonly number[]): StoredType {
    return this.#checkpoint.packed(name, shape) ?? this.#checkpoint.entry(name, shape).type;
  }

  load(
    out: Tensor,
    name: string,
    shape: readonly number[],
    firstRow: number,
    rowStep: number,
  ): void {
    const packed = this.#checkpoint.packed(name, shape);
    if (packed) return this.#loadPacked(out, packed, firstRow, rowStep);
    const { path, offset, type } = this.#checkpoint.entry(name, shape);
    const file = this.#file(path);
    const rowBytes = out.columns * ELEMENT_BYTES[type];
    this.#ops.load(out, { file, offset: offset + firstRow * rowBytes, type, rowStep });
  }

  #loadPacked(out: Tensor, packed: PackedEntry, firstRow: number, rowStep: number): void {
    const { codes, scales, scaleType, bits, group } = packed;
    const place = ({ path, offset, bytes, shape }: StoredTensor) => ({
      file: this.#file(path),
      offset: offset + firstRow * bytes / shape[0]!,
    });
    this.#ops.loadPacked(out, {
      codes: place(codes),
      scales: place(scales),
      scaleType,
      bits,
      group,
      rowStep,
    });
  }

  #file(path: string): WeightFile {
    let file = this.#files.get(path);
    if (!file) this.#files.set(path, file = this.#ops.openFile(path));
    return file;
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) file[Symbol.dispose]();
    this.#files.clear();
  }
}
