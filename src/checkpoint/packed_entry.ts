/**
 * Quantized tensors of a checkpoint: in place of NAME there are NAME_packed, integers in words of
 * 32 bits, and NAME_scale.
 *
 * @module
 */
import { quote } from "../json_fields.ts";
import type { FileElementType, PackedType } from "../ops.ts";
import { shapeText, type StoredTensor } from "./safetensors.ts";

/** A quantized tensor that the kernels can load. */
export interface PackedEntry {
  readonly type: PackedType;
  readonly bits: 4 | 8;
  /** Columns that share a scale. */
  readonly group: number;
  readonly codes: StoredTensor;
  readonly scales: StoredTensor;
  readonly scaleType: FileElementType;
}

/**
 * The quantized tensor of this name and shape, or `undefined` when the tensor is not quantized.
 * Throws an `Error` that names file and tensor when its parts do not fit together.
 */
export function packedEntry(
  tensors: ReadonlyMap<string, StoredTensor>,
  elementTypes: ReadonlyMap<string, FileElementType>,
  name: string,
  shape: readonly number[],
): PackedEntry | undefined {
  const codes = tensors.get(`${name}_packed`);
  if (!codes) return undefined;
  const wrong = ({ path, name }: StoredTensor, reason: string) =>
    new Error(
      `Cannot use ${path}: tensor ${quote(name)} ${reason}; ` +
        "use weights that were quantized for this model",
    );
  const scales = tensors.get(`${name}_scale`);
  if (!scales) throw wrong(codes, `stands alone, without ${quote(`${name}_scale`)}`);
  for (const other of ["_zero_point", "_g_idx"]) {
    const tensor = tensors.get(name + other);
    if (tensor) throw wrong(tensor, "belongs to a kind of quantization that cannot be read");
  }
  const [rows, columns] = shape as readonly [number, number];
  const bits = [4, 8].find((bits) => isShape(codes, rows, columns * bits / 32));
  if (shape.length !== 2 || codes.dtype !== "I32" || !bits) {
    const found = `is ${codes.dtype} of the shape ${shapeText(codes.shape)}`;
    throw wrong(codes, `${found}, which is no ${shapeText(shape)} in 4 or 8 bits`);
  }
  const group = [32, 64, 128].find((group) => isShape(scales, rows, columns / group));
  const scaleType = elementTypes.get(scales.dtype);
  if (!group || !scaleType) {
    const found = `is ${scales.dtype} of the shape ${shapeText(scales.shape)}`;
    throw wrong(scales, `${found}, which is no scale for groups of 32, 64 or 128 columns`);
  }
  return { type: bits === 4 ? "q4" : "q8", bits: bits as 4 | 8, group, codes, scales, scaleType };
}

function isShape({ shape }: StoredTensor, rows: number, columns: number): boolean {
  return shape.length === 2 && shape[0] === rows && shape[1] === columns;
}
