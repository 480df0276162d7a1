/**
 * What a case of the operator table is made of.
 *
 * @module
 */
import type { ElementType, Ops, PackedType } from "../../src/ops.ts";
import { constant, type Fill, list, seedOf, table } from "./random.ts";

/** The members of {@linkcode Ops} that are operators. */
export type OperatorName = Exclude<
  keyof Ops,
  "tensor" | "packed" | "write" | "read" | "zero" | "openFile" | "load" | "loadPacked"
>;

/** The tensors that each operator takes, in order. */
export const OPERANDS: Readonly<Record<OperatorName, readonly string[]>> = {
  embedding: ["out", "table", "tokens"],
  rmsNorm: ["out", "x", "weight"],
  linear: ["out", "x", "weight", "bias"],
  add: ["out", "x", "y"],
  silu: ["out", "x"],
  swiglu: ["out", "gate", "up"],
  rotary: ["out", "x", "positions"],
  dynamicConvolution: ["out", "x", "taps", "state", "segments", "slots"],
  // deno-fmt-ignore
  gatedDelta: ["out", "q", "k", "v", "a", "b", "aLog", "dtBias", "state", "segments", "slots"],
  gatedNorm: ["out", "x", "gate", "weight"],
  cacheAppend: ["keys", "values", "k", "v", "rows", "bounds"],
  // deno-fmt-ignore
  attention: ["out", "q", "keys", "values", "positions", "segments", "pages", "starts", "shifts"],
  // deno-fmt-ignore
  pageScores: ["scores", "q", "bounds", "positions", "segments", "pages", "starts", "shifts"],
  // deno-fmt-ignore
  selectPages: ["chosenPages", "chosenStarts", "chosenShifts", "scores", "pages", "starts",
    "shifts"],
  gatherRows: ["out", "x", "rows"],
  scatterRows: ["out", "x", "rows"],
  argmax: ["out", "x"],
  topK: ["values", "indices", "x"],
  logSumExp: ["out", "x", "scales"],
};

/** One tensor of a case. */
export interface Operand {
  readonly type: ElementType | PackedType;
  /** Columns that share a scale, in packed weights. */
  readonly group?: number;
  readonly rows: number;
  readonly columns: number;
  /** An `output` is filled with NaN before the call; a `state` is read and written. */
  readonly role: "input" | "output" | "state";
  readonly fill: Fill;
}

/** How far a result may be from the reference's. */
export interface Bound {
  /** Σ (result − reference)² / Σ reference². */
  readonly nmse: number;
  /** Greatest |result − reference| / root mean square of the reference. */
  readonly worst: number;
}

/** One call of an operator. */
export interface OperatorCase {
  readonly operator: OperatorName;
  readonly name: string;
  readonly operands: Readonly<Record<string, Operand>>;
  readonly scalars: readonly number[];
  /** An output that is the same view as an input, by their names. */
  readonly alias: Readonly<Record<string, string>>;
  /** Operands that are columns of one wider matrix. */
  readonly packed: readonly string[];
  /** The operator's bound, where this case has no other. */
  readonly bound?: Bound;
}

/** What {@linkcode operatorCase} may be told besides the operands. */
export interface CaseOptions {
  readonly scalars?: readonly number[];
  readonly alias?: Readonly<Record<string, string>>;
  readonly packed?: readonly string[];
  readonly bound?: Bound;
}

/** A case, named by its operator, a label that tells its sizes, and the seed of its numbers. */
export function operatorCase(
  operator: OperatorName,
  label: string,
  operands: Readonly<Record<string, Operand>>,
  options: CaseOptions = {},
): OperatorCase {
  const { scalars = [], alias = {}, packed = [], bound } = options;
  const title = `${snakeCase(operator)} ${label}`;
  const name = `${title} seed ${seedOf(title)}`;
  return { operator, name, operands, scalars, alias, packed, ...(bound && { bound }) };
}

/** The name of an operator or operand in the header. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function input(rows: number, columns: number, fill: Fill): Operand {
  return { type: "f32", rows, columns, role: "input", fill };
}

export function weight(
  type: "f32" | "bf16",
  rows: number,
  columns: number,
  fill: Fill,
): Operand {
  return { type, rows, columns, role: "input", fill };
}

/** Packed weights: 8 or 4 bits in groups of so many columns. */
export type Packing = readonly [type: PackedType, group: number];

/** Every packing that there is. */
export const PACKINGS: readonly Packing[] = [["q8", 64], ["q8", 32], ["q4", 64], ["q4", 32]];

export function packedWeight(
  [type, group]: Packing,
  rows: number,
  columns: number,
  fill: Fill,
): Operand {
  return { type, group, rows, columns, role: "input", fill };
}

export function indexRow(...values: readonly number[]): Operand {
  return { type: "i32", rows: 1, columns: values.length, role: "input", fill: list(...values) };
}

export function indexTable(rows: readonly (readonly number[])[]): Operand {
  const columns = rows[0]!.length;
  return { type: "i32", rows: rows.length, columns, role: "input", fill: table(rows) };
}

export function output(rows: number, columns: number, type: "f32" | "i32" = "f32"): Operand {
  // No operator writes this index.
  return { type, rows, columns, role: "output", fill: constant(type === "f32" ? NaN : -7777777) };
}

export function state(
  rows: number,
  columns: number,
  fill: Fill,
  type: "f32" | "bf16" = "f32",
): Operand {
  return { type, rows, columns, role: "state", fill };
}

/** First row of each of the segments of these lengths and, last, the rows of all. */
export function starts(lengths: readonly number[]): number[] {
  const result = [0];
  for (const length of lengths) result.push(result.at(-1)! + length);
  return result;
}

/** Slots 1 to `count` in falling order: slot 0 and those behind belong to nobody. */
export function fallingSlots(count: number): number[] {
  return Array.from({ length: count }, (_, index) => count - index);
}
