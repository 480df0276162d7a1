/**
 * Reads what a safetensors file holds: 8 bytes with the length of the header, a JSON header, data.
 *
 * @module
 */
import { describe, isRecord, isWhole, quote } from "../json_fields.ts";
import { openFile, parseJson, readBytes } from "./files.ts";

/** Where a tensor stands in a file. */
export interface StoredTensor {
  readonly name: string;
  /** Type of the elements under the file's name for it, such as "BF16", "F32" or "I64". */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly path: string;
  /** First byte, from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** A safetensors file, of which only the header was read. */
export interface SafetensorsFile {
  readonly path: string;
  /** Size of the whole file. */
  readonly bytes: number;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

const LENGTH_BYTES = 8;
/** The limit of the format's own library. */
const MAX_HEADER_BYTES = 100_000_000;

/** Bytes of one element. Types that are not listed have no size to check. */
const DTYPE_BYTES: ReadonlyMap<string, number> = new Map([
  ...["BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"].map((name) => [name, 1] as const),
  ...["U16", "I16", "F16", "BF16"].map((name) => [name, 2] as const),
  ...["U32", "I32", "F32"].map((name) => [name, 4] as const),
  ...["U64", "I64", "F64", "C64"].map((name) => [name, 8] as const),
]);

/**
 * Reads the header of a safetensors file and checks it against the file's size. Tensors of any type
 * are listed; `__metadata__` is passed over.
 *
 * As the format demands, the tensors cover the data without overlap, hole or rest: a file that was
 * cut, or put together wrongly, does not. Throws an `Error` that names file and tensor.
 */
export function readSafetensors(path: string): SafetensorsFile {
  const { header, start, bytes } = readHeader(path);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    tensors.set(name, storedTensor(name, entry, { path, start, bytes }));
  }
  checkCoverage([...tensors.values()], { path, start, bytes });
  return { path, bytes, tensors };
}

/** A file whose data begins at `start`. */
interface DataRange {
  readonly path: string;
  readonly start: number;
  readonly bytes: number;
}

function readHeader(path: string) {
  const opened = openFile(path);
  if (!opened) throw new Error(`Cannot read ${path}: there is no such file; download it`);
  using file = opened.file;
  const { bytes } = opened;
  if (bytes < LENGTH_BYTES) throw damaged(path, `its ${bytes} bytes are no safetensors file`);
  const prefix = new DataView(readBytes(file, LENGTH_BYTES, path).buffer);
  const length = prefix.getBigUint64(0, true);
  const most = Math.min(MAX_HEADER_BYTES, bytes - LENGTH_BYTES);
  if (length > BigInt(most)) {
    throw damaged(path, `its header has ${length} bytes, but in this file it has ${most} at most`);
  }
  const header = parseJson(readBytes(file, Number(length), path), `the header of ${path}`);
  if (!isRecord(header)) throw damaged(path, `its header is ${describe(header)}, not an object`);
  return { header, start: LENGTH_BYTES + Number(length), bytes };
}

function storedTensor(name: string, entry: unknown, { path, start, bytes }: DataRange) {
  const wrong = (reason: string) => damaged(path, `tensor ${quote(name)} ${reason}`);
  if (!isRecord(entry)) throw wrong(`is ${describe(entry)}, not an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string") throw wrong(`has the dtype ${describe(dtype)}, not a string`);
  if (!isSizes(shape)) {
    throw wrong(`has a shape that is ${describe(shape)}, not a list of sizes`);
  }
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw wrong(`has data_offsets that are ${describe(offsets)}, not two positions`);
  }
  const [begin, end] = offsets as readonly [number, number];
  if (begin > end) throw wrong(`begins at byte ${begin}, after its end at ${end}`);
  if (end > bytes - start) {
    throw wrong(`ends at byte ${end} of the data, which has ${bytes - start}`);
  }
  const elementBytes = DTYPE_BYTES.get(dtype);
  const wanted = elementBytes === undefined ? end - begin : byteSize(shape, elementBytes);
  if (wanted !== end - begin) {
    throw wrong(
      `has ${end - begin} bytes, but ${dtype} of shape ${shapeText(shape)} has another size`,
    );
  }
  return { name, dtype, shape, path, offset: start + begin, bytes: wanted };
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => isWhole(item) && item >= 0);
}

/** Bytes of a tensor; not a whole number that JavaScript holds exactly when there are too many. */
function byteSize(shape: readonly number[], elementBytes: number): number {
  return shape.reduce((product, size) => product * size, elementBytes);
}

/** Throws unless the tensors, one after the other, fill the data. */
function checkCoverage(tensors: StoredTensor[], { path, start, bytes }: DataRange): void {
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = start;
  for (const { name, offset, bytes } of tensors) {
    if (offset < end) throw damaged(path, `tensor ${quote(name)} overlaps the one before it`);
    if (offset > end) {
      throw damaged(path, `${offset - end} bytes before tensor ${quote(name)} belong to no tensor`);
    }
    end = offset + bytes;
  }
  if (end < bytes) throw damaged(path, `its last ${bytes - end} bytes belong to no tensor`);
}

/** A shape as errors write it, cut when it is long. */
export function shapeText(shape: readonly number[]): string {
  const sizes = shape.slice(0, 8).join(", ");
  return shape.length > 8 ? `[${sizes}, …]` : `[${sizes}]`;
}

function damaged(path: string, reason: string): Error {
  return new Error(`Cannot use ${path}: ${reason}; download the file again`);
}
