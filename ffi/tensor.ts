/**
 * Tensors in a device's memory.
 *
 * @module
 */
import {
  ELEMENT_BYTES,
  type ElementType,
  type FileElementType,
  PACKED_ROWS,
  type PackedType,
  type Tensor,
} from "../src/ops.ts";
import { Buffer } from "./buffer.ts";
import type { Device } from "./device.ts";
import { type Handle, isUint32, type Library } from "./library.ts";

/** The header's number of each type. */
export const TYPE_NUMBERS: Readonly<Record<ElementType | FileElementType | PackedType, number>> = {
  f32: 0,
  bf16: 1,
  i32: 2,
  f16: 3,
  q8: 4,
  q4: 5,
};

/** A view of a buffer: element (r, c) stands `r · stride + c` elements after the first. */
export interface View {
  readonly type: ElementType;
  readonly offset: number; // bytes
  readonly rows: number;
  readonly columns: number;
  readonly stride: number; // elements
}

/** A view of packed weights, as they lie in memory. */
export interface PackedView {
  readonly type: PackedType;
  readonly offset: number; // bytes
  readonly rows: number;
  readonly columns: number;
  readonly group: number; // columns that share a scale
}

/** A tensor of {@linkcode NativeOps}. */
export class NativeTensor implements Tensor {
  readonly type: ElementType | PackedType;
  readonly rows: number;
  readonly columns: number;
  readonly #buffer: Buffer;
  readonly #view: View | PackedView;
  #handle: Handle | undefined;

  /** A tensor of zeros in a buffer of its own. */
  static create(device: Device, type: ElementType, rows: number, columns: number): NativeTensor {
    expectSize(rows, columns);
    const bytes = rows * columns * ELEMENT_BYTES[type];
    return NativeTensor.#create(device, bytes, { type, offset: 0, rows, columns, stride: columns });
  }

  /** Packed weights in a buffer of their own. */
  static createPacked(
    device: Device,
    type: PackedType,
    rows: number,
    columns: number,
    group: number,
  ): NativeTensor {
    expectSize(rows, columns);
    const bytes = packedBytes(device.library, type, rows, columns, group);
    return NativeTensor.#create(device, bytes, { type, offset: 0, rows, columns, group });
  }

  static #create(device: Device, bytes: number, view: View | PackedView): NativeTensor {
    const buffer = Buffer.create(device, bytes);
    // Counted while the tensor is made, so that a failure frees it.
    buffer.retain();
    try {
      return new NativeTensor(buffer, view);
    } finally {
      buffer.release();
    }
  }

  /** For `ffi/` alone: a view of a buffer. */
  static at(buffer: Buffer, view: View | PackedView): NativeTensor {
    return new NativeTensor(buffer, view);
  }

  /** For `ffi/` alone: the buffer of a tensor of these operators that is not disposed. */
  static bufferOf(tensor: Tensor): Buffer {
    NativeTensor.handleOf(tensor);
    return (tensor as NativeTensor).#buffer;
  }

  private constructor(buffer: Buffer, view: View | PackedView) {
    const { type, rows, columns } = view;
    const number = TYPE_NUMBERS[type];
    const offset = BigInt(view.offset);
    const { library } = buffer.device;
    const { ct_tensor_create, ct_packed_create } = library.functions;
    this.#handle = library.made(
      "group" in view
        ? ct_packed_create(buffer.handle, number, offset, rows, columns, view.group)
        : ct_tensor_create(buffer.handle, number, offset, rows, columns, view.stride),
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
    const offset = this.#view.offset + this.#bytesBefore(start);
    return new NativeTensor(this.#buffer, { ...this.#view, offset, rows: count });
  }

  columnView(start: number, count: number): NativeTensor {
    this.#expectPart("columns", this.columns, start, count);
    const view = this.#view;
    if ("group" in view) {
      throw new RangeError(`The tensor is ${view.type}, which has no views of columns; view rows`);
    }
    const offset = view.offset + start * ELEMENT_BYTES[view.type];
    return new NativeTensor(this.#buffer, { ...view, offset, columns: count });
  }

  /** For `ffi/` alone: the handle of a tensor of these operators that is not disposed. */
  static handleOf(tensor: Tensor): Handle {
    if (tensor instanceof NativeTensor && tensor.#handle) return tensor.#handle;
    const { type, rows, columns } = tensor;
    const what = tensor instanceof NativeTensor ? "is disposed" : "was made by other operators";
    throw new Error(`The tensor ${type}[${rows}, ${columns}] ${what}; pass one that is open here`);
  }

  get #library(): Library {
    return this.#buffer.device.library;
  }

  /** Bytes from the first row to row `row`. */
  #bytesBefore(row: number): number {
    const view = this.#view;
    if (!("group" in view)) return row * view.stride * ELEMENT_BYTES[view.type];
    if (row % PACKED_ROWS === 0) {
      return packedBytes(this.#library, view.type, row, view.columns, view.group);
    }
    throw new RangeError(
      `The tensor is ${view.type}, so no view begins at row ${row}; ` +
        `begin at a multiple of ${PACKED_ROWS}`,
    );
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
    this.#library.check(this.#library.functions.ct_tensor_free(this.#handle));
    this.#handle = undefined;
    this.#buffer.release();
  }
}

/** Bytes of packed weights. Throws for a group that they cannot have. */
function packedBytes(
  library: Library,
  type: PackedType,
  rows: number,
  columns: number,
  group: number,
): number {
  const { ct_packed_bytes } = library.functions;
  const bytes = Number(ct_packed_bytes(TYPE_NUMBERS[type], rows, columns, group));
  if (bytes === 0 && rows > 0) throw library.lastError();
  return bytes;
}

function expectSize(rows: number, columns: number): void {
  if (isUint32(rows) && isUint32(columns)) return;
  throw new RangeError(
    `A tensor cannot be [${rows}, ${columns}]; pass whole numbers from 0 to ${2 ** 32 - 1}`,
  );
}
