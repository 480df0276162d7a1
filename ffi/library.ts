/**
 * Opens the kernel library, once, and turns its failures into errors.
 *
 * @module
 */
import { LIBRARY_PATH } from "../kernels/build.ts";
import { SYMBOLS } from "./symbols.ts";

export { LIBRARY_PATH };

/** What a handle is to JavaScript. */
export type Handle = Deno.PointerObject;

type Library = Deno.StaticForeignLibraryInterface<typeof SYMBOLS>;

/** Version of the ABI that {@linkcode SYMBOLS} describes. */
const VERSION = 3;

/** Bytes for a sentence; the library cuts a longer one. */
const TEXT_BYTES = 1024;

// Never closed: its threads would run on in memory that is gone.
let opened: Library | undefined;

/**
 * The functions of the library.
 *
 * @throws {Error} It is not there, or is of another version.
 */
export function library(): Library {
  return opened ??= open();
}

function open(): Library {
  let symbols: Library;
  try {
    ({ symbols } = Deno.dlopen(LIBRARY_PATH, SYMBOLS));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot open the kernel library: ${text}; run deno task build`, { cause });
  }
  const version = symbols.ct_version();
  if (version === VERSION) return symbols;
  throw new Error(
    `The kernel library ${LIBRARY_PATH} has version ${version}, not ${VERSION}; ` +
      `run deno task build`,
  );
}

/** Throws the library's error unless `status` is 0. */
export function check(status: number): void {
  if (status !== 0) throw lastError();
}

/** The handle that a function returned. Throws the library's error where there is none. */
export function made(handle: Deno.PointerValue): Handle {
  if (handle === null) throw lastError();
  return handle;
}

/** The error of the last call that failed. */
export function lastError(): Error {
  return new Error(textFrom(library().ct_last_error));
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
