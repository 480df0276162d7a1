/**
 * Writes files that are there as a whole or not at all.
 *
 * @module
 */

/**
 * A file that grows beside its place. Whatever happens meanwhile, the process killed or the power
 * gone, there is the old file at `path`, or none, until {@linkcode AtomicFile.publish} has put the
 * new one there. Disposing one that was not published removes it. Needs permission to read and
 * write the file's folder. `mode` says who may read the file, as `Deno.open` does.
 */
export class AtomicFile implements Disposable {
  readonly #path: string;
  readonly #temporary: string;
  #file: Deno.FsFile | undefined;

  constructor(path: string, mode?: number) {
    this.#path = path;
    this.#temporary = `${path}.${crypto.randomUUID()}.part`;
    const own = mode === undefined ? {} : { mode };
    this.#file = Deno.openSync(this.#temporary, { write: true, createNew: true, ...own });
  }

  /** Adds `bytes` at the end, or puts them at a place. */
  write(bytes: Uint8Array, offset?: number): void {
    if (offset === undefined) writeAll(this.#file!, bytes);
    else writeAt(this.#file!, offset, bytes);
  }

  /** Puts the file in its place, once all of it is on disk. */
  publish(): void {
    this.#file!.syncSync();
    Deno.renameSync(this.#temporary, this.#path);
    this.#close();
    // The new name is safe only once the folder is.
    syncFolder(
      this.#path.includes("/") ? this.#path.slice(0, this.#path.lastIndexOf("/") + 1) : ".",
    );
  }

  [Symbol.dispose](): void {
    if (!this.#file) return;
    this.#close();
    Deno.removeSync(this.#temporary);
  }

  #close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/**
 * Puts `bytes` in the place of the file at `path`, if there is one, as a whole or not at all, as
 * {@linkcode AtomicFile} does.
 */
export function writeFileAtomically(path: string, bytes: Uint8Array, mode?: number): void {
  using file = new AtomicFile(path, mode);
  file.write(bytes);
  file.publish();
}

/** Writes all of `bytes` at a place of a file. */
export function writeAt(file: Deno.FsFile, offset: number, bytes: Uint8Array): void {
  file.seekSync(offset, Deno.SeekMode.Start);
  writeAll(file, bytes);
}

/** Writes all of `bytes` where the file stands. */
export function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let start = 0; start < bytes.length;) start += file.writeSync(bytes.subarray(start));
}

/** Makes what was renamed into a folder safe. */
export function syncFolder(path: string): void {
  using folder = Deno.openSync(path);
  folder.syncSync();
}
