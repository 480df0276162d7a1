/**
 * Runs a case of the operator table and compares its results with the reference's.
 *
 * @module
 */
import { type Ops, PACKED_ROWS, type Tensor } from "../src/ops.ts";
import { type Operand, OPERANDS, type OperatorCase } from "./cases/case.ts";
import { Random, seedOf } from "./cases/random.ts";
import { toBf16 } from "./reference/numbers.ts";
import { ReferenceOps, values } from "./reference_ops.ts";

/** The elements of a tensor, of its own type. */
export type Elements = Float32Array | Int32Array | Uint16Array;

/** Elements by the names of their operands. */
export type Named<T> = ReadonlyMap<string, T>;

/**
 * Where operands lie: `dense` rows follow each other, `strided` and `aligned` rows are part of
 * longer ones, of which the latter begin at multiples of 16 bytes. Guards stand before and behind.
 */
export type Layout = "dense" | "strided" | "aligned";

/** The elements of every operand before the call. */
export function inputsOf(test: OperatorCase): Map<string, Elements> {
  const inputs = new Map<string, Elements>();
  for (const [name, operand] of Object.entries(test.operands)) {
    const random = new Random(seedOf(`${test.name} ${name}`));
    const { type, rows, columns, fill } = operand;
    const numbers = new Float32Array(rows * columns);
    const integers = new Int32Array(type === "i32" ? numbers.length : 0);
    const target = type === "i32" ? integers : numbers;
    for (let i = 0; i < target.length; i++) {
      target[i] = fill(random, Math.floor(i / columns), i % columns);
    }
    inputs.set(name, type === "bf16" ? toBf16(numbers) : target);
  }
  return inputs;
}

/** Calls the operator of a case. */
export function call(ops: Ops, test: OperatorCase, tensors: Named<Tensor>): void {
  const operands = OPERANDS[test.operator].map((name) => tensors.get(test.alias[name] ?? name));
  const operator = ops[test.operator] as (...operands: unknown[]) => void;
  operator.call(ops, ...operands, ...test.scalars);
}

/** The outputs and states of a case after the call, in float64. */
export function expectedOf(test: OperatorCase, inputs: Named<Elements>): Map<string, Float64Array> {
  const ops = new ReferenceOps();
  const tensors = new Map<string, Tensor>();
  for (const [name, operand] of Object.entries(test.operands)) {
    const tensor = makeTensor(ops, operand, operand.rows, operand.columns);
    ops.write(tensor, inputs.get(name)!);
    tensors.set(name, tensor);
  }
  call(ops, test, tensors);
  return new Map(
    resultsOf(test).map(([name]) => [name, values(tensors.get(test.alias[name] ?? name)!)]),
  );
}

/** A tensor of an operand's type. */
function makeTensor(ops: Ops, { type, group }: Operand, rows: number, columns: number): Tensor {
  if (type === "q8" || type === "q4") return ops.packed(type, rows, columns, group!);
  return ops.tensor(type, rows, columns);
}

/** The operands that a case writes. */
export function resultsOf(test: OperatorCase): [string, Operand][] {
  return Object.entries(test.operands).filter(([, { role }]) => role !== "input");
}

// Not a number, and an index that no tensor has: whoever reads a guard shows it.
const GUARDS = {
  f32: 0x7fc0beef,
  bf16: 0x7fca,
  i32: -1234567,
  // Packed weights are finite; 2¹⁰⁰ in a sum shows, too.
  q8: 0x71800000,
  q4: 0x71800000,
} as const;

/** A matrix with guards around the operands that are parts of it. */
interface Frame {
  readonly tensor: Tensor;
  readonly columns: number;
  /** Rows before those of the operands. */
  readonly top: number;
  /** Its elements' bits before the call. */
  readonly before: Uint32Array | Uint16Array;
  readonly operands: readonly { name: string; operand: Operand; column: number }[];
}

const ROWS_BEFORE = 1;
const ROWS_BEHIND = 2;

/** Columns of which every type has a multiple of 16 bytes. */
const ALIGNED_COLUMNS = 8;

/**
 * Columns beside operand `index`. Strides differ, and where rows are not to be aligned the number
 * is odd.
 */
function gapOf(index: number, layout: Layout): number {
  return layout === "aligned" ? ALIGNED_COLUMNS * (1 + index) : 3 + 2 * index;
}

/** Tensors of a case on some operators, with guards around all of them. */
export class FramedTensors implements Disposable {
  readonly #ops: Ops;
  readonly #frames: readonly Frame[];
  readonly #stack = new DisposableStack();
  readonly tensors = new Map<string, Tensor>();

  constructor(ops: Ops, test: OperatorCase, inputs: Named<Elements>, layout: Layout) {
    this.#ops = ops;
    const alone = Object.keys(test.operands).filter((name) =>
      !test.packed.includes(name) && !test.alias[name]
    );
    const groups = alone.map((name) => [name]);
    const packed = test.packed.filter((name) => !test.alias[name]);
    if (packed.length) groups.push(packed);
    this.#frames = groups.map((names, index) =>
      this.#frame(test, names, inputs, layout, gapOf(index, layout))
    );
  }

  #frame(
    test: OperatorCase,
    names: readonly string[],
    inputs: Named<Elements>,
    layout: Layout,
    columnsBeside: number,
  ): Frame {
    // Packed weights lie in blocks of rows and have no views of columns.
    const isPacked = test.operands[names[0]!]!.group !== undefined;
    const top = isPacked ? PACKED_ROWS : ROWS_BEFORE;
    const isStrided = layout !== "dense" || names.length > 1;
    const gap = !isPacked && isStrided ? columnsBeside : 0;
    let columns = gap;
    const operands = names.map((name) => {
      const operand = test.operands[name]!;
      const column = columns;
      columns += operand.columns + gap;
      if (layout === "aligned" && !isPacked) columns += -columns & (ALIGNED_COLUMNS - 1);
      return { name, operand, column };
    });
    const { type, rows } = operands[0]!.operand;
    const frameRows = top + rows + ROWS_BEHIND;
    const bits = new (type === "bf16" ? Uint16Array : Uint32Array)(frameRows * columns);
    bits.fill(GUARDS[type]);
    for (const { name, operand, column } of operands) {
      const source = bitsOf(inputs.get(name)!);
      for (let row = 0; row < rows; row++) {
        const part = source.subarray(row * operand.columns, (row + 1) * operand.columns);
        bits.set(part, (top + row) * columns + column);
      }
    }
    const tensor = this.#stack.use(makeTensor(this.#ops, operands[0]!.operand, frameRows, columns));
    this.#ops.write(tensor, elementsOf(bits, type));
    if (isPacked) this.#ops.read(tensor, elementsOf(bits, type)); // they were rounded
    const inner = this.#stack.use(tensor.rowView(top, rows));
    for (const { name, operand, column } of operands) {
      const view = isPacked ? inner : inner.columnView(column, operand.columns);
      this.tensors.set(name, this.#stack.use(view));
    }
    return { tensor, columns, top, before: bits, operands };
  }

  /** The outputs and states. Throws when anything besides them has changed. */
  results(): Map<string, Elements> {
    const results = new Map<string, Elements>();
    for (const { tensor, columns, top, before, operands } of this.#frames) {
      const { type, rows } = operands[0]!.operand;
      const bits = before.slice();
      this.#ops.read(tensor, elementsOf(bits, type));
      for (const { name, operand, column } of operands) {
        if (operand.role === "input") continue;
        const part = new (type === "bf16" ? Uint16Array : Uint32Array)(rows * operand.columns);
        for (let row = 0; row < rows; row++) {
          const start = (top + row) * columns + column;
          const end = start + operand.columns;
          part.set(bits.subarray(start, end), row * operand.columns);
          bits.set(before.subarray(start, end), start);
        }
        results.set(name, elementsOf(part, type));
      }
      const place = bits.findIndex((word, index) => word !== before[index]);
      if (place >= 0) {
        const names = operands.map(({ name }) => name).join(", ");
        const [row, column] = [Math.floor(place / columns), place % columns];
        throw new Error(
          `wrote row ${row}, column ${column} around or in ${names}, no result's place`,
        );
      }
    }
    return results;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/**
 * The outputs and states of a case after a call on `ops`. Throws when anything besides them has
 * changed.
 */
export function run(
  ops: Ops,
  test: OperatorCase,
  inputs: Named<Elements>,
  layout: Layout,
): Map<string, Elements> {
  const isResult = (name: string) => Object.values(test.alias).includes(name);
  const operands = Object.fromEntries(
    Object.entries(test.operands).map((
      [name, operand],
    ) => [name, isResult(name) ? { ...operand, role: "output" as const } : operand]),
  );
  using framed = new FramedTensors(ops, { ...test, operands }, inputs, layout);
  call(ops, test, framed.tensors);
  const results = framed.results();
  for (const [output, name] of Object.entries(test.alias)) {
    results.set(output, results.get(name)!);
    results.delete(name);
  }
  return results;
}

/** The same memory as raw bits. */
export function bitsOf(elements: Elements): Uint32Array | Uint16Array {
  if (elements instanceof Uint16Array) return elements;
  return new Uint32Array(elements.buffer, elements.byteOffset, elements.length);
}

function elementsOf(bits: Uint32Array | Uint16Array, type: Operand["type"]): Elements {
  if (bits instanceof Uint16Array) return bits;
  const { buffer, byteOffset, length } = bits;
  return type === "i32"
    ? new Int32Array(buffer as ArrayBuffer, byteOffset, length)
    : new Float32Array(buffer as ArrayBuffer, byteOffset, length);
}
