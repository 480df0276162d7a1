/**
 * Lays out weight files before their tensors are written.
 *
 * @module
 */

/** A tensor that is to be written. */
export interface PlannedTensor {
  readonly name: string;
  /** Type of the elements under the file format's name for it. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** A safetensors file that is to be written. */
export interface PlannedFile {
  readonly name: string;
  readonly bytes: number;
  /** What the file begins with: the length of the header, and the header. */
  readonly header: Uint8Array<ArrayBuffer>;
  /** First byte of each tensor, from the start of the file. */
  readonly offsets: ReadonlyMap<string, number>;
}

/** The weight files of a model, and the index when there are several. */
export interface PlannedFiles {
  readonly files: readonly PlannedFile[];
  readonly index: object | undefined;
}

/** Data begins at a multiple of this, so that every tensor stands at a multiple of its elements. */
const ALIGNMENT = 8;

/**
 * Distributes tensors over files of at most `maxBytes` of data, in order; the tensors of one bundle
 * stay together.
 */
export function planFiles(
  bundles: readonly (readonly PlannedTensor[])[],
  maxBytes: number,
): PlannedFiles {
  const shards: PlannedTensor[][] = [];
  let room = 0;
  for (const bundle of bundles) {
    const bytes = totalBytes(bundle);
    if (bytes > room || shards.length === 0) {
      shards.push([]);
      room = maxBytes;
    }
    shards.at(-1)!.push(...bundle);
    room -= bytes;
  }
  const files = shards.map((tensors, i) => planFile(fileName(i, shards.length), tensors));
  if (files.length === 1) return { files, index: undefined };
  const weightMap = files.flatMap(({ name, offsets }) =>
    [...offsets.keys()].map((tensor) => [tensor, name] as const)
  );
  const index = {
    metadata: { total_size: totalBytes(bundles.flat()) },
    weight_map: Object.fromEntries(weightMap),
  };
  return { files, index };
}

function fileName(index: number, count: number): string {
  if (count === 1) return "model.safetensors";
  const [number, all] = [index + 1, count].map((n) => `${n}`.padStart(5, "0"));
  return `model-${number}-of-${all}.safetensors`;
}

/** One file: the tensors with the largest elements come first, so that all are aligned. */
function planFile(name: string, tensors: readonly PlannedTensor[]): PlannedFile {
  const sorted = tensors.toSorted((a, b) => elementBytes(b) - elementBytes(a));
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const offsets = new Map<string, number>();
  let end = 0;
  for (const { name, dtype, shape, bytes } of sorted) {
    offsets.set(name, end);
    header[name] = { dtype, shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const text = JSON.stringify(header);
  const padded = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const start = new Uint8Array(8 + padded).fill(0x20);
  new DataView(start.buffer).setBigUint64(0, BigInt(padded), true);
  new TextEncoder().encodeInto(text, start.subarray(8));
  for (const [tensor, offset] of offsets) offsets.set(tensor, start.length + offset);
  return { name, bytes: start.length + end, header: start, offsets };
}

function elementBytes({ bytes, shape }: PlannedTensor): number {
  return bytes / shape.reduce((product, size) => product * size, 1);
}

function totalBytes(tensors: readonly PlannedTensor[]): number {
  return tensors.reduce((sum, { bytes }) => sum + bytes, 0);
}
