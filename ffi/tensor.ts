/**
 * Tensors in a device's memory.
 *
 * @module
 */
import { ELEMENT_BYTES, type ElementType, type FileElementType, type Tensor } from "../src/ops.ts";
import { Buffer } from "./buffer.ts";
import type { Device } from "./device.ts";
import { check, type Handle, isUint32, library, made } from "./library.ts";

/** The header's number of each type. */
export const TYPE_NUMBERS: Readonly<Record<ElementType | FileElementType, number>> = {
  f32: 0,
  bf16: 1,
  i32: 2,
  f16: 3,
};

/** A view of a buffer: element (r, c) stands `r · stride + c` elements after the first. */
interface View {
  readonly type: ElementType;
  readonly offset: number; // bytes
  readonly rows: number;
  readonly columns: number;
  readonly stride: number; // elements
}

/** A tensor of {@linkcode NativeOps}. */
export class NativeTensor implements Tensor {
  readonly type: ElementType;
  readonly rows: number;
  readonly columns: number;
  readonly #buffer: Buffer;
  readonly #view: View;
  #handle: Handle | undefined;

  /** A tensor of zeros in a buffer of its own. */
  static create(device: Device, type: ElementType, rows: number, columns: number): NativeTensor {
    if (!isUint32(rows) || !isUint32(columns)) {
      throw new RangeError(
        `A tensor cannot be [${rows}, ${columns}]; pass whole numbers from 0 to ${2 ** 32 - 1}`,
      );
    }
    const buffer = new Buffer(device, rows * columns * ELEMENT_BYTES[type]);
    // Counted while the tensor is made, so that a failure frees it.
    buffer.retain();
    try {
      return new NativeTensor(buffer, { type, offset: 0, rows, columns, stride: columns });
    } finally {
      buffer.release();
    }
  }

  private constructor(buffer: Buffer, view: View) {
    const { type, offset, rows, columns, stride } = view;
    const number = TYPE_NUMBERS[type];
    this.#handle = made(
      // deno-fmt-ignore
      library().ct_tensor_create(buffer.handle, number, BigInt(offset), rows, columns, stride),
    );
    buffer.retain();
    this.type = type;
    this.rows = rows;
    this.columns = columns;
    this.#buffer = buffer;
    this.#view = view;
  }

  rowView(start: number, count: number): NativeTensor {
    this.#expectPart("rows", this.rows, start, count);
    const { type, offset, stride } = this.#view;
    const skipped = start * stride * ELEMENT_BYTES[type];
    return new NativeTensor(this.#buffer, { ...this.#view, offset: offset + skipped, rows: count });
  }

  columnView(start: number, count: number): NativeTensor {
    this.#expectPart("columns", this.columns, start, count);
    const { type, offset } = this.#view;
    const skipped = start * ELEMENT_BYTES[type];
    return new NativeTensor(this.#buffer, {
      ...this.#view,
      offset: offset + skipped,
      columns: count,
    });
  }

  /** For `ffi/` alone: the handle of a tensor of these operators that is not disposed. */
  static handleOf(tensor: Tensor): Handle {
    if (tensor instanceof NativeTensor && tensor.#handle) return tensor.#handle;
    const { type, rows, columns } = tensor;
    const what = tensor instanceof NativeTensor ? "is disposed" : "was made by other operators";
    throw new Error(`The tensor ${type}[${rows}, ${columns}] ${what}; pass one that is open here`);
  }

  #expectPart(what: "rows" | "columns", size: number, start: number, count: number): void {
    NativeTensor.handleOf(this);
    if (isUint32(start) && isUint32(count) && start + count <= size) return;
    throw new RangeError(
      `The tensor has ${size} ${what}, not ${start} to ${start + count}; view a part of it`,
    );
  }

  [Symbol.dispose](): void {
    if (!this.#handle) return;
    check(library().ct_tensor_free(this.#handle));
    this.#handle = undefined;
    this.#buffer.release();
  }
}
