/**
 * Weight files, mapped by the library.
 *
 * @module
 */
import type { WeightFile } from "../src/ops.ts";
import { cString, type Handle, type Library } from "./library.ts";

/** A weight file of {@linkcode NativeOps}. */
export class NativeFile implements WeightFile {
  readonly path: string;
  readonly bytes: number;
  readonly #library: Library;
  #handle: Handle | undefined;

  /** @throws {Error} The file cannot be read. */
  constructor(library: Library, path: string) {
    this.path = path;
    this.#library = library;
    this.#handle = library.made(library.functions.ct_file_open(cString(path)));
    this.bytes = Number(library.functions.ct_file_bytes(this.#handle));
  }

  /** For `ffi/` alone: the handle of a file of these operators that is open. */
  static handleOf(file: WeightFile): Handle {
    if (file instanceof NativeFile && file.#handle) return file.#handle;
    const what = file instanceof NativeFile ? "is closed" : "was opened by other operators";
    throw new Error(`The file ${file.path} ${what}; open it with these operators`);
  }

  [Symbol.dispose](): void {
    if (!this.#handle) return;
    this.#library.check(this.#library.functions.ct_file_close(this.#handle));
    this.#handle = undefined;
  }
}
