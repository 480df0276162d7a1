/**
 * The tensor of the reference operators, and the checks of their operands.
 *
 * @module
 */
import { type ElementType, PACKED_ROWS, type PackedType, type Tensor } from "../../src/ops.ts";
import { roundToBf16 } from "./numbers.ts";
import { CODE_BITS, roundToPacked } from "./packed.ts";

/** Where a view's elements lie in the storage that it shares. */
interface Layout {
  readonly offset: number;
  readonly stride: number;
}

/**
 * A matrix of float64, whatever its type; a `bf16` tensor holds numbers that bf16 can represent,
 * packed weights what their codes stand for.
 */
export class ReferenceTensor implements Tensor {
  readonly #storage: Float64Array;
  readonly #layout: Layout;

  constructor(
    readonly type: ElementType | PackedType,
    readonly rows: number,
    readonly columns: number,
    storage: Float64Array = new Float64Array(rows * columns),
    layout: Layout = { offset: 0, stride: columns },
    /** Columns that share a scale, in packed weights. */
    readonly group: number = 0,
  ) {
    this.#storage = storage;
    this.#layout = layout;
  }

  /** Row `row`, as a view of the same memory. */
  row(row: number): Float64Array {
    const start = this.#layout.offset + row * this.#layout.stride;
    return this.#storage.subarray(start, start + this.columns);
  }

  /** Replaces a row, rounding when the tensor is `bf16` or packed. */
  setRow(row: number, values: ArrayLike<number>): void {
    this.row(row).set(this.#rounded(values));
  }

  #rounded(values: ArrayLike<number>): ArrayLike<number> {
    if (this.type === "bf16") return roundToBf16(values);
    if (this.type === "f32" || this.type === "i32") return values;
    return roundToPacked(values, CODE_BITS[this.type], this.group);
  }

  rowView(start: number, count: number): ReferenceTensor {
    expectRange("rowView", start, count, this.rows);
    if (this.group && start % PACKED_ROWS) {
      throw new Error(`rowView: start is ${start}; pass a multiple of ${PACKED_ROWS}`);
    }
    const { offset, stride } = this.#layout;
    const layout = { offset: offset + start * stride, stride };
    return new ReferenceTensor(
      this.type,
      count,
      this.columns,
      this.#storage,
      layout,
      this.group,
    );
  }

  columnView(start: number, count: number): ReferenceTensor {
    expectRange("columnView", start, count, this.columns);
    if (this.group) throw new Error(`columnView: the tensor is ${this.type}; view rows`);
    const { offset, stride } = this.#layout;
    return new ReferenceTensor(this.type, this.rows, count, this.#storage, {
      offset: offset + start,
      stride,
    });
  }

  [Symbol.dispose](): void {}
}

function expectRange(what: string, start: number, count: number, size: number): void {
  if (start >= 0 && count >= 0 && start + count <= size) return;
  throw new Error(`${what}: ${count} from ${start} lie outside a tensor of ${size}; pass a part`);
}

/** The float64 values of a tensor of the reference operators, row by row. */
export function values(tensor: Tensor): Float64Array {
  const source = own("values", "tensor", tensor);
  const result = new Float64Array(source.rows * source.columns);
  for (let row = 0; row < source.rows; row++) result.set(source.row(row), row * source.columns);
  return result;
}

/** The tensor as one of the reference operators' own. */
export function own(operator: string, name: string, tensor: Tensor): ReferenceTensor {
  if (tensor instanceof ReferenceTensor) return tensor;
  throw new Error(`${operator}: ${name} was made by other operators; make it with these`);
}

/** What {@linkcode operand} expects of a tensor; a size that is not given may be any. */
export interface Expected {
  readonly types?: readonly (ElementType | PackedType)[];
  readonly rows?: number;
  readonly columns?: number;
}

/**
 * The tensor as one of the reference operators' own, of type f32 unless `expected` says otherwise.
 */
export function operand(
  operator: string,
  name: string,
  tensor: Tensor,
  expected: Expected = {},
): ReferenceTensor {
  const result = own(operator, name, tensor);
  const types = expected.types ?? ["f32"];
  if (!types.includes(result.type)) {
    throw new Error(`${operator}: ${name} is ${result.type}; pass ${types.join(" or ")}`);
  }
  const { rows = result.rows, columns = result.columns } = expected;
  if (result.rows !== rows || result.columns !== columns) {
    const have = `[${result.rows}, ${result.columns}]`;
    throw new Error(`${operator}: ${name} is ${have}; pass [${rows}, ${columns}]`);
  }
  return result;
}

/** A vector of indices from 0 up to, but not with, `limit`. */
export function indices(
  operator: string,
  name: string,
  tensor: Tensor,
  columns?: number,
  limit = 2 ** 31,
): Float64Array {
  const expected = { types: ["i32"], rows: 1 } as const;
  const size = columns === undefined ? expected : { ...expected, columns };
  const row = operand(operator, name, tensor, size).row(0);
  for (const [place, index] of row.entries()) {
    if (index >= 0 && index < limit) continue;
    throw new Error(`${operator}: ${name}[${place}] is ${index}; pass 0 up to but not ${limit}`);
  }
  return row;
}

/** A run of consecutive rows of a ragged batch. */
export interface Segment {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

/** The segments of a batch of `rows` rows. */
export function segmentsOf(operator: string, tensor: Tensor, rows: number): Segment[] {
  const starts = indices(operator, "segments", tensor);
  const result: Segment[] = [];
  for (let index = 0; index + 1 < starts.length; index++) {
    result.push({ index, start: starts[index]!, end: starts[index + 1]! });
  }
  const isValid = starts[0] === 0 && starts.at(-1) === rows &&
    result.every(({ start, end }) => start <= end);
  if (!isValid) {
    throw new Error(`${operator}: segments is ${starts}; pass starts that rise from 0 to ${rows}`);
  }
  return result;
}
