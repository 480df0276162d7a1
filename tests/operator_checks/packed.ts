/**
 * Checks of packed weights: what they hold after they were written or loaded, as the reference has
 * it.
 *
 * @module
 */
import type { Ops, PackedRange, Tensor, WeightFile } from "../../src/ops.ts";
import { PACKINGS } from "../cases/case.ts";
import { normal, Random } from "../cases/random.ts";
import { fromBf16, toBf16 } from "../reference/numbers.ts";
import { ReferenceOps, values } from "../reference_ops.ts";

export const ROWS = 37;
export const COLUMNS = 192;

/** Rows of every kind of group: random, zeros, ties, a greatest of either sign, huge and tiny. */
export function awkwardWeights(): Float32Array {
  const random = new Random(7);
  const draw = normal();
  const scales = [1, 0, 1e-3, 1e30, 1e-38, 1e-42];
  return Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => {
    const group = Math.floor(i / 32);
    if (group % 7 === 6) return (i % 17 - 8) / 2; // ties in 4 bits
    return draw(random, 0, 0) * scales[group % 7]!;
  });
}

/** What a tensor holds, in float64. */
export function contents(ops: Ops, tensor: Tensor): Float64Array {
  const data = tensor.type === "bf16"
    ? new Uint16Array(tensor.rows * tensor.columns)
    : new Float32Array(tensor.rows * tensor.columns);
  ops.read(tensor, data);
  return data instanceof Uint16Array ? fromBf16(data) : Float64Array.from(data);
}

/** Throws unless packed weights are rounded as the reference rounds them. */
export function checkRounding(ops: Ops): void {
  const weights = awkwardWeights();
  for (const [type, group] of PACKINGS) {
    const reference = new ReferenceOps();
    const expected = reference.packed(type, ROWS, COLUMNS, group);
    reference.write(expected, weights);
    using tensor = ops.packed(type, ROWS, COLUMNS, group);
    ops.write(tensor, weights);
    expectSame(`write() to ${type}/${group}`, contents(ops, tensor), values(expected));
  }
}

/** Throws unless codes and scales in files are loaded as the reference loads them. */
export function checkLoadPacked(ops: Ops): void {
  const rows = 19;
  const reference = new ReferenceOps();
  for (const range of RANGES) {
    using file = new CodesFile(rows * range.rowStep, range);
    const own = range.group % 64 === 0 ? 64 : 32;
    const tensors = (operators: Ops) => [
      operators.packed(range.bits === 8 ? "q8" : "q4", rows, COLUMNS, own),
      operators.tensor("f32", rows, COLUMNS),
      operators.tensor("bf16", rows, COLUMNS),
    ];
    const expected = tensors(reference);
    for (const [index, tensor] of tensors(ops).entries()) {
      using to = tensor;
      file.load(reference, expected[index]!);
      file.load(ops, to);
      const wanted = values(expected[index]!).map(Math.fround);
      const { bits, group, scaleType } = range;
      const what = `loadPacked() of ${bits} bits, groups of ${group}, ${scaleType} to ${to.type}`;
      expectSame(what, contents(ops, to), wanted);
    }
  }
}

function expectSame(what: string, have: Float64Array, wanted: Float64Array): void {
  for (const [index, value] of wanted.entries()) {
    if (have[index] === value) continue; // zeros may differ in sign
    throw new Error(`${what} has ${have[index]} at ${index}; the reference ${value}`);
  }
}

/** What codes and scales are like. */
type Kind = Omit<PackedRange, "codes" | "scales">;

/** A file of random codes and of scales from 2⁻⁷ to 1, and where they stand. */
export class CodesFile implements Disposable {
  readonly path = Deno.makeTempFileSync();
  readonly #range: Kind;
  readonly #scales: number;

  constructor(rows: number, range: Kind) {
    const { bits, group, scaleType } = range;
    const random = new Random(bits + group);
    const codes = Uint8Array.from({ length: rows * COLUMNS * bits / 8 }, () => random.below(256));
    const numbers = Float32Array.from(
      { length: rows * COLUMNS / group },
      () => 2 ** -random.below(8) * (1 + random.below(1024) / 1024),
    );
    const scales = scaleType === "bf16"
      ? toBf16(numbers)
      : scaleType === "f16"
      ? Uint16Array.from(numbers, () => 0x2000 + random.below(0x1c00))
      : numbers;
    const bytes = new Uint8Array(3 + codes.length + scales.byteLength);
    bytes.set(codes, 3);
    bytes.set(new Uint8Array(scales.buffer), 3 + codes.length);
    Deno.writeFileSync(this.path, bytes);
    this.#range = range;
    this.#scales = 3 + codes.length;
  }

  /** Where codes and scales stand in the file when it is open. */
  range(file: WeightFile): PackedRange {
    const at = (offset: number) => ({ file, offset });
    return { ...this.#range, codes: at(3), scales: at(this.#scales) };
  }

  /** Fills a tensor of some operators from the file. */
  load(ops: Ops, tensor: Tensor): void {
    using file = ops.openFile(this.path);
    ops.loadPacked(tensor, this.range(file));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

const RANGES = ([4, 8] as const).flatMap((bits) =>
  ([[32, "bf16", 1], [64, "f32", 3], [96, "f16", 1], [192, "bf16", 2]] as const).map((
    [group, scaleType, rowStep],
  ) => ({ bits, group, scaleType, rowStep }))
);
