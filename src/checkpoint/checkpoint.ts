/**
 * The weight files of a model folder: one safetensors file, or several with an index.
 *
 * @module
 */
import { describe, Fields, isRecord, quote } from "../json_fields.ts";
import type { FileElementType } from "../ops.ts";
import { type PackedEntry, packedEntry } from "./packed_entry.ts";
import { readJson } from "./read_json.ts";
import { readSafetensors, shapeText, type StoredTensor } from "./safetensors.ts";

const SINGLE_FILE = "model.safetensors";
const INDEX_FILE = "model.safetensors.index.json";

/** The types that weights can have. */
const ELEMENT_TYPES: ReadonlyMap<string, FileElementType> = new Map([
  ["F32", "f32"],
  ["BF16", "bf16"],
  ["F16", "f16"],
]);

/** A tensor that the kernels can load. */
export interface TensorEntry extends StoredTensor {
  readonly type: FileElementType;
}

/** The tensors of a model folder. Only headers have been read, and no file is open. */
export class Checkpoint {
  readonly folder: string;
  /** Every tensor of the files, whatever its type. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;

  private constructor(folder: string, tensors: ReadonlyMap<string, StoredTensor>) {
    this.folder = folder;
    this.tensors = tensors;
  }

  /**
   * Reads the headers of `model.safetensors`, or else of the files that
   * `model.safetensors.index.json` names. Throws an `Error` that names the file, and the tensor if
   * it is one, that is missing or damaged.
   */
  static open(folder: string): Checkpoint {
    const single = `${folder}/${SINGLE_FILE}`;
    if (exists(single)) return new Checkpoint(folder, readSafetensors(single).tensors);
    const index = `${folder}/${INDEX_FILE}`;
    if (exists(index)) return new Checkpoint(folder, readShards(folder, index));
    throw new Error(
      `Cannot use ${folder}: it has neither ${SINGLE_FILE} nor ${INDEX_FILE}; ` +
        "pass a folder with a model's weights",
    );
  }

  /**
   * The quantized tensor of this name, or `undefined` when it is not quantized. Throws an `Error`
   * that names file and tensor when its parts do not fit together.
   */
  packed(name: string, shape: readonly number[]): PackedEntry | undefined {
    return packedEntry(this.tensors, ELEMENT_TYPES, name, shape);
  }

  /**
   * The tensor of this name, which is not quantized. Throws an `Error` that names file and tensor
   * when it is missing, has another shape, or has elements that are not F32, BF16 or F16.
   */
  entry(name: string, shape: readonly number[]): TensorEntry {
    const tensor = this.tensors.get(name);
    if (!tensor) {
      throw new Error(
        `Cannot use ${this.folder}: its weight files have no tensor ${quote(name)}; ` +
          "use config.json and weights of the same model",
      );
    }
    const which = `Cannot use ${tensor.path}: tensor ${quote(name)}`;
    const isShape = tensor.shape.length === shape.length &&
      tensor.shape.every((size, i) => size === shape[i]);
    if (!isShape) {
      throw new Error(
        `${which} has the shape ${shapeText(tensor.shape)}, and the model needs ` +
          `${shapeText(shape)}; use config.json and weights of the same model`,
      );
    }
    const type = ELEMENT_TYPES.get(tensor.dtype);
    if (type) return { ...tensor, type };
    throw new Error(
      `${which} has elements of type ${quote(tensor.dtype)}; use weights in F32, BF16 or F16`,
    );
  }
}

/** The tensors of all files of an index, which must agree with it. */
function readShards(folder: string, index: string): ReadonlyMap<string, StoredTensor> {
  const fields = new Fields(readJson(index), index);
  const files = fields.raw("weight_map");
  if (!isRecord(files)) throw fields.error("weight_map", "an object");
  const paths = new Map<unknown, string>();
  const tensors = new Map<string, StoredTensor>();
  for (const [name, file] of Object.entries(files)) {
    let path = paths.get(file);
    if (path === undefined) {
      path = shardPath(folder, index, file);
      paths.set(file, path);
      addShard(tensors, path);
    }
    if (tensors.get(name)?.path === path) continue;
    throw new Error(
      `Cannot use ${index}: it says that ${path} has the tensor ${
        quote(name)
      }, which it has not; ` +
        "use index and weights of the same model",
    );
  }
  return tensors;
}

function addShard(tensors: Map<string, StoredTensor>, path: string): void {
  for (const [name, tensor] of readSafetensors(path).tensors) {
    const other = tensors.get(name);
    if (other) {
      throw new Error(
        `Cannot use ${path}: tensor ${quote(name)} is also in ${other.path}; ` +
          "remove the file that is not the model's",
      );
    }
    tensors.set(name, tensor);
  }
}

/** The path of a file that the index names, which must be a file of the same folder. */
function shardPath(folder: string, index: string, file: unknown): string {
  const refuse = (wanted: string) =>
    new Error(`Cannot use ${index}: it names the file ${describe(file)}; ${wanted}`);
  if (typeof file !== "string" || !/^[^/\\\0]+\.safetensors$/.test(file)) {
    throw refuse("files must be .safetensors files in the same folder");
  }
  const path = `${folder}/${file}`;
  if (!exists(path)) throw refuse(`download it to ${path}, where there is none`);
  if (Deno.lstatSync(path).isSymlink) {
    const inside = `${Deno.realPathSync(folder)}/`;
    if (!Deno.realPathSync(path).startsWith(inside)) {
      throw refuse("it is a link out of the folder: put a copy in its place");
    }
  }
  return path;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new Error(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
