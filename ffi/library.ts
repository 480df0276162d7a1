/**
 * Opens the kernel libraries, each once, and turns their failures into errors.
 *
 * @module
 */
import { type Backend, libraryPath } from "../kernels/build.ts";
import { SYMBOLS } from "./symbols.ts";

/** What a handle is to JavaScript. */
export type Handle = Deno.PointerObject;

/** The functions of {@linkcode SYMBOLS}. */
export type Functions = Deno.StaticForeignLibraryInterface<typeof SYMBOLS>;

/** Version of the ABI that {@linkcode SYMBOLS} describes. */
const VERSION = 5;

/** Bytes for a sentence; the library cuts a longer one. */
const TEXT_BYTES = 1024;

// Never closed: their threads would run on in memory that is gone.
const opened = new Map<Backend, Library>();

/**
 * The library of a backend.
 *
 * @throws {Error} It is not there, or is of another version.
 */
export function library(backend: Backend = "cpu"): Library {
  let found = opened.get(backend);
  if (!found) opened.set(backend, found = new Library(libraryPath(backend)));
  return found;
}

/** One library: its functions, and its failures as errors. */
export class Library {
  readonly path: string;
  readonly functions: Functions;

  constructor(path: string) {
    this.path = path;
    this.functions = open(path);
  }

  /** Throws the library's error unless `status` is 0. */
  check(status: number): void {
    if (status !== 0) throw this.lastError();
  }

  /** The handle that a function returned. Throws the library's error where there is none. */
  made(handle: Deno.PointerValue): Handle {
    if (handle === null) throw this.lastError();
    return handle;
  }

  /** The error of the last call that failed. */
  lastError(): Error {
    return new Error(textFrom(this.functions.ct_last_error));
  }
}

function open(path: string): Functions {
  let symbols: Functions;
  try {
    ({ symbols } = Deno.dlopen(path, SYMBOLS));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot open the kernel library: ${text}; run deno task build`, { cause });
  }
  const version = symbols.ct_version();
  if (version === VERSION) return symbols;
  throw new Error(
    `The kernel library ${path} has version ${version}, not ${VERSION}; run deno task build`,
  );
}

/** The text that a function of the library writes into a buffer. */
export function textFrom(write: (text: Uint8Array<ArrayBuffer>, capacity: number) => number) {
  const text = new Uint8Array(TEXT_BYTES);
  const bytes = write(text, TEXT_BYTES);
  return new TextDecoder().decode(text.subarray(0, Math.min(bytes, TEXT_BYTES - 1)));
}

/** `text` as C has it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new TypeError(`"${text.replaceAll("\0", "\\0")}" holds a NUL character; leave it out`);
  }
  return new TextEncoder().encode(`${text}\0`);
}

/** Whether C can have the number as a `uint32_t`. */
export function isUint32(value: number): boolean {
  return value >>> 0 === value;
}
