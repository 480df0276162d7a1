/**
 * The golden files: weights of small models with what the official code computes from them.
 *
 * @module
 */
import {
  ELEMENT_BYTES,
  type FileElementType,
  type Ops,
  type PackedType,
  type Tensor,
  type WeightFile,
} from "../src/ops.ts";

/** Golden files that come with the project. */
export const GOLDEN = new URL("golden/", import.meta.url);
/** Larger ones, of the official widths, that only a developer's machine has. */
export const SHARED_GOLDEN = new URL("../../shared/golden/", import.meta.url);

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte, and the byte after the last, in the file. */
  readonly start: number;
  readonly end: number;
}

/** The tensors of a safetensors file that holds f32, bf16 and i32. */
export class GoldenFile {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #entries = new Map<string, Entry>();

  constructor(readonly path: URL) {
    this.#bytes = Deno.readFileSync(path);
    const length = Number(new DataView(this.#bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(this.#bytes.subarray(8, 8 + length)));
    for (const [name, { dtype, shape, data_offsets }] of Object.entries<RawEntry>(header)) {
      if (name === "__metadata__") continue;
      const [start, end] = data_offsets.map((offset) => 8 + length + offset) as [number, number];
      this.#entries.set(name, { dtype, shape, start, end });
    }
  }

  get names(): string[] {
    return [...this.#entries.keys()];
  }

  entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) throw new Error(`${this.path} has no tensor ${name}; pass one of ${this.names}`);
    return entry;
  }

  floats(name: string): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#slice(name, "F32"));
  }

  integers(name: string): Int32Array<ArrayBuffer> {
    return new Int32Array(this.#slice(name, "I32"));
  }

  #slice(name: string, wanted: string): ArrayBuffer {
    const { dtype, start, end } = this.entry(name);
    if (dtype !== wanted) throw new Error(`${name} is ${dtype}; read it as such, not ${wanted}`);
    return this.#bytes.slice(start, end).buffer;
  }
}

interface RawEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const FILE_TYPES: Readonly<Record<string, FileElementType>> = { F32: "f32", BF16: "bf16" };

/** Type of a golden model's matrix, packed in groups of 64. */
export type GoldenType = "f32" | "bf16" | PackedType;

/** Weights of golden models, loaded through the operators that are tested. */
export class GoldenWeights implements Disposable {
  readonly #ops: Ops;
  readonly #files: readonly GoldenFile[];
  readonly #open = new Map<GoldenFile, WeightFile>();
  readonly #stack = new DisposableStack();
  readonly #typeOf: (name: string) => GoldenType;

  /** Matrices have one type, or the one that belongs to their names; vectors are f32. */
  constructor(
    ops: Ops,
    paths: readonly URL[],
    type: GoldenType | ((name: string) => GoldenType),
  ) {
    this.#ops = ops;
    this.#typeOf = typeof type === "string" ? () => type : type;
    this.#files = paths.map((path) => new GoldenFile(path));
  }

  /** A matrix as it stands in the file. */
  matrix(name: string): Tensor {
    const [rows, columns] = this.#find(name).entry(name).shape as [number, number];
    return this.#load(this.#tensor(this.#typeOf(name), rows, columns), name);
  }

  vector(name: string): Tensor {
    return this.#load(this.#tensor("f32", 1, this.#find(name).entry(name).shape[0]!), name);
  }

  /** A matrix whose row c·width + t becomes row t·channels + c. */
  tapMajor(name: string, width: number): Tensor {
    const [rows, columns] = this.#find(name).entry(name).shape as [number, number];
    const out = this.#tensor(this.#typeOf(name), rows, columns);
    const channels = rows / width;
    for (let t = 0; t < width; t++) {
      this.#load(this.#stack.use(out.rowView(t * channels, channels)), name, t, width);
    }
    return out;
  }

  /** A vector in the order of {@linkcode tapMajor}. */
  tapMajorVector(name: string, width: number): Tensor {
    const size = this.#find(name).entry(name).shape[0]!;
    const column = this.#tensor("f32", size, 1);
    const channels = size / width;
    for (let t = 0; t < width; t++) {
      this.#load(this.#stack.use(column.rowView(t * channels, channels)), name, t, width);
    }
    const values = new Float32Array(size);
    this.#ops.read(column, values);
    const row = this.#tensor("f32", 1, size);
    this.#ops.write(row, values);
    return row;
  }

  #tensor(type: GoldenType, rows: number, columns: number): Tensor {
    const isPacked = type === "q8" || type === "q4";
    return this.#stack.use(
      isPacked ? this.#ops.packed(type, rows, columns, 64) : this.#ops.tensor(type, rows, columns),
    );
  }

  #load(tensor: Tensor, name: string, firstRow = 0, rowStep = 1): Tensor {
    const golden = this.#find(name);
    const { dtype, start } = golden.entry(name);
    const type = FILE_TYPES[dtype]!;
    let file = this.#open.get(golden);
    if (!file) {
      file = this.#stack.use(this.#ops.openFile(decodeURIComponent(golden.path.pathname)));
      this.#open.set(golden, file);
    }
    const offset = start + firstRow * tensor.columns * ELEMENT_BYTES[type];
    this.#ops.load(tensor, { file, offset, type, rowStep });
    return tensor;
  }

  #find(name: string): GoldenFile {
    const file = this.#files.find(({ names }) => names.includes(name));
    if (!file) throw new Error(`no golden file has ${name}; pass all of the model's files`);
    return file;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

/** Whether a golden folder is there. */
export function hasGolden(folder: URL): boolean {
  try {
    return Deno.statSync(folder).isDirectory;
  } catch {
    return false;
  }
}

/** Unpacks `model.safetensors.gz` of a folder into another one, and returns the file. */
export async function unpack(folder: URL, into: string): Promise<URL> {
  const path = `${into}/model.safetensors`;
  const packed = await Deno.open(new URL("model.safetensors.gz", folder));
  const unpacked = packed.readable.pipeThrough(new DecompressionStream("gzip"));
  await Deno.writeFile(path, unpacked);
  return new URL(`file://${path}`);
}

/** Greatest difference of two arrays over the greatest element of the second. */
export function relativeError(values: ArrayLike<number>, golden: ArrayLike<number>): number {
  let [difference, greatest] = [0, 0];
  for (let i = 0; i < golden.length; i++) {
    const distance = Math.abs(values[i]! - golden[i]!);
    if (!(distance <= difference)) difference = distance; // NaN too
    greatest = Math.max(greatest, Math.abs(golden[i]!));
  }
  return values.length === golden.length ? difference / greatest : Infinity;
}

/** Root of the mean square of the difference of two arrays over that of the second. */
export function rmsError(values: ArrayLike<number>, golden: ArrayLike<number>): number {
  let [difference, energy] = [0, 0];
  for (let i = 0; i < golden.length; i++) {
    difference += (values[i]! - golden[i]!) ** 2;
    energy += golden[i]! ** 2;
  }
  return values.length === golden.length ? Math.sqrt(difference / energy) : Infinity;
}

/** A state `[(W−1)·C]` as the golden files have it, `[C, W]`, whose oldest column nobody reads. */
export function withoutOldest(
  golden: Float32Array,
  state: ArrayLike<number>,
  width: number,
): number[] {
  const channels = golden.length / width;
  return Array.from(golden, (value, index) => {
    const [channel, t] = [Math.floor(index / width), index % width];
    return t === 0 ? value : state[(t - 1) * channels + channel]!;
  });
}
