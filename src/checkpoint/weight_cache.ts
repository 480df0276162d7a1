/**
 * A file of weights as the kernels read them, so that they are mapped in place of being converted.
 *
 * The file begins with {@linkcode MAGIC}, the length of the header (u64), and its SHA-256. The
 * header, JSON, says what the weights were made from and where each tensor stands; tensors begin
 * at multiples of {@linkcode ALIGNMENT}.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { isRecord } from "../json_fields.ts";
import type { MatrixType } from "../model/weight_types.ts";
import type { LaidTensor, TensorSupply } from "../model/weights.ts";
import type { Tensor } from "../ops.ts";
import { AtomicFile } from "../store/write_file.ts";
import type { MappedMemory, MemoryOps } from "../weight_memory.ts";
import { openFile, readBytes } from "./files.ts";

const MAGIC = "ctweight";
const PREFIX_BYTES = 48;
/** More than any header has. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;
/** Pages of the system; the kernels want 64. */
const ALIGNMENT = 4096;
/** Bytes that are copied at a time. */
const PIECE = 4 * 2 ** 20;

/** Where a tensor stands in the file. */
interface Entry {
  readonly type: MatrixType;
  readonly rows: number;
  readonly columns: number;
  readonly offset: number;
  readonly bytes: number;
  readonly checksum: string;
}

interface Header {
  readonly origin: unknown;
  readonly tensors: readonly Entry[];
}

/** The file at a path, and what its weights have to be made from. */
export class WeightCache {
  readonly path: string;
  readonly #origin: string;

  constructor(path: string, origin: object) {
    this.path = path;
    this.#origin = JSON.stringify(origin);
  }

  /**
   * Maps the weights. `undefined` when there is no file, or one that was made from anything else,
   * or is damaged. Throws an `Error` when the file is something else altogether.
   */
  open(ops: MemoryOps): CachedWeights | undefined {
    const header = this.#header();
    if (JSON.stringify(header?.origin) !== this.#origin) return undefined;
    using file = ops.openFile(this.path);
    using stack = new DisposableStack();
    const memory = stack.use(ops.map(file));
    const isWhole = ({ offset, bytes, checksum }: Entry) =>
      offset + bytes <= memory.bytes && `${memory.checksum(offset, bytes)}` === checksum;
    if (!header!.tensors.every(isWhole)) return undefined;
    stack.move();
    return new CachedWeights(this.path, memory, header!.tensors);
  }

  /** Begins the file anew. Throws an `Error` when that is not possible. */
  create(): NewWeightCache {
    try {
      return new NewWeightCache(new AtomicFile(this.path), JSON.parse(this.#origin));
    } catch (error) {
      throw new Error(
        `Cannot write the packed weights ${this.path}: ${(error as Error).message}; allow it, ` +
          "or name another folder for them",
        { cause: error },
      );
    }
  }

  #header(): Header | undefined {
    const opened = openFile(this.path);
    if (!opened) return undefined;
    using file = opened.file;
    if (opened.bytes < PREFIX_BYTES) return undefined;
    const prefix = readBytes(file, PREFIX_BYTES, this.path);
    if (new TextDecoder().decode(prefix.subarray(0, 8)) !== MAGIC) {
      throw new Error(
        `Cannot use ${this.path}: it is no file of packed weights; move it away, or name another ` +
          "folder for them",
      );
    }
    const length = Number(new DataView(prefix.buffer).getBigUint64(8, true));
    if (length > Math.min(MAX_HEADER_BYTES, opened.bytes - PREFIX_BYTES)) return undefined;
    const text = readBytes(file, length, this.path);
    if (!digest(text).every((byte, i) => byte === prefix[16 + i])) return undefined;
    const header = JSON.parse(new TextDecoder().decode(text));
    return isRecord(header) ? header as unknown as Header : undefined;
  }
}

/** Weights in a mapped file, to be taken in the order in which they were written. */
export class CachedWeights implements TensorSupply, Disposable {
  readonly #path: string;
  readonly #memory: MappedMemory;
  readonly #entries: Iterator<Entry>;

  constructor(path: string, memory: MappedMemory, entries: readonly Entry[]) {
    this.#path = path;
    this.#memory = memory;
    this.#entries = entries[Symbol.iterator]();
  }

  take(type: MatrixType, rows: number, columns: number): Tensor {
    const { value: entry } = this.#entries.next();
    const wanted = JSON.stringify([type, rows, columns]);
    if (entry && JSON.stringify([entry.type, entry.rows, entry.columns]) === wanted) {
      return this.#memory.tensor(type, rows, columns, entry.offset);
    }
    throw new Error(
      `Cannot use ${this.#path}: it was written by another version of Contrail; remove it`,
    );
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}

/** A file that is being written. Disposing it leaves the one before it, if there was one. */
export class NewWeightCache implements Disposable {
  readonly #file: AtomicFile;
  readonly #origin: unknown;

  constructor(file: AtomicFile, origin: unknown) {
    this.#file = file;
    this.#origin = origin;
  }

  /** Writes the tensors as they lie in memory, and puts the file in its place. */
  write(ops: MemoryOps, tensors: readonly LaidTensor[]): void {
    const entries = tensors.map(({ tensor, type }) => {
      const memory = ops.memoryOf(tensor);
      const { rows, columns } = tensor;
      const checksum = `${memory.checksum(0, memory.bytes)}`;
      return { type, rows, columns, offset: 0, bytes: memory.bytes, checksum };
    });
    // Numbers of this many digits hold the place of offsets that depend on the header's length.
    const most = encode({ origin: this.#origin, tensors: place(entries, 2 ** 50) });
    const header = encode({ origin: this.#origin, tensors: place(entries, most.length) });
    const prefix = new Uint8Array(PREFIX_BYTES);
    new TextEncoder().encodeInto(MAGIC, prefix);
    new DataView(prefix.buffer).setBigUint64(8, BigInt(header.length), true);
    prefix.set(digest(header), 16);
    this.#file.write(prefix);
    this.#file.write(header);
    const buffer = new Uint8Array(PIECE);
    for (const [i, { offset, bytes }] of place(entries, most.length).entries()) {
      const memory = ops.memoryOf(tensors[i]!.tensor);
      for (let start = 0; start < bytes; start += PIECE) {
        const piece = buffer.subarray(0, bytes - start);
        memory.read(start, piece);
        this.#file.write(piece, offset + start);
      }
    }
    this.#file.publish();
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

/** The entries one after the other, behind a header of at most `headerBytes`. */
function place(entries: readonly Entry[], headerBytes: number): Entry[] {
  let end = PREFIX_BYTES + headerBytes;
  return entries.map((entry) => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = offset + entry.bytes;
    return { ...entry, offset };
  });
}

function encode(header: Header): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(header));
}

function digest(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
