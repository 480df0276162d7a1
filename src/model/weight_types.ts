/**
 * The types that a model's matrices have in a checkpoint and in memory, and how the one follows
 * from the other.
 *
 * @module
 */
import { type FileElementType, PACKED_ROWS, type PackedType } from "../ops.ts";

/**
 * Type of the packed matrices in memory. `auto` keeps quantized weights, and bf16 where the
 * checkpoint holds nothing else. `q8` and `q4` keep quantized weights, too, and round the others to
 * 8 bits, or, where that hurts least, to 4.
 */
export type WeightType = "auto" | "f32" | "bf16" | "q8" | "q4";

/** Weights of 8 or 4 bits, of which so many columns share a scale. */
export interface Packing {
  readonly type: PackedType;
  readonly group: number;
}

/** Type in which a checkpoint holds a tensor. */
export type StoredType = FileElementType | Packing;

/** Type in which a matrix stands in memory. */
export type MatrixType = "f32" | "bf16" | Packing;

/** A matrix that is put together from others, one below the other. */
export interface MatrixParts {
  readonly stored: readonly StoredType[];
  /** Rows of each part. */
  readonly rows: readonly number[];
  readonly columns: number;
}

/** Groups that the kernels have, the widest first. */
const GROUPS = [64, 32] as const;

/** The type of a matrix in memory, when `wanted` was asked for. */
export function matrixType(wanted: WeightType, parts: MatrixParts): MatrixType {
  if (wanted === "f32" || wanted === "bf16") return wanted;
  const packing = storedPacking(parts) ?? roundedPacking(wanted, parts);
  if (packing && isAligned(parts)) return packing;
  const fitsBf16 = parts.stored.every((type) => type === "bf16" || typeof type === "object");
  return fitsBf16 ? "bf16" : "f32";
}

/** The packing of quantized parts that are alike. */
function storedPacking({ stored: [first, ...others] }: MatrixParts): Packing | undefined {
  if (typeof first !== "object") return undefined;
  const isAlike = (other: StoredType) =>
    typeof other === "object" && other.type === first.type && other.group === first.group;
  if (!others.every(isAlike)) return undefined;
  return { type: first.type, group: Math.min(first.group, GROUPS[0]) };
}

/** The packing to which parts are rounded, when none is quantized. */
function roundedPacking(
  wanted: "auto" | PackedType,
  { stored, columns }: MatrixParts,
): Packing | undefined {
  if (wanted === "auto" || stored.some((type) => typeof type === "object")) return undefined;
  const group = GROUPS.find((group) => columns % group === 0);
  return group && { type: wanted, group };
}

/** Whether each part begins with a block of rows. */
function isAligned({ rows }: MatrixParts): boolean {
  return rows.slice(0, -1).every((count) => count % PACKED_ROWS === 0);
}
