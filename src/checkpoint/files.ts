/**
 * Opens files of a model folder.
 *
 * @module
 */

/** An open file and its size when it was opened. */
export interface SizedFile {
  readonly file: Deno.FsFile;
  readonly bytes: number;
}

/**
 * Opens a regular file for reading; the caller closes it. `undefined` when there is none. Throws an
 * `Error` that names what is no regular file or cannot be opened.
 */
export function openFile(path: string): SizedFile | undefined {
  try {
    // Opening a pipe would wait for a writer, so what it is comes first.
    const status = Deno.statSync(path);
    if (status.isFile) return { file: Deno.openSync(path), bytes: status.size };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  throw new Error(`Cannot read ${path}: it is not a file; put the model's own file in its place`);
}

/** The next `bytes` of a file. Throws an `Error` when it ends before. */
export function readBytes(file: Deno.FsFile, bytes: number, path: string): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes);
  for (let start = 0; start < bytes;) {
    const count = file.readSync(data.subarray(start));
    if (count === null) {
      throw new Error(
        `Cannot use ${path}: it ends ${bytes - start} bytes too early; download the file again`,
      );
    }
    start += count;
  }
  return data;
}

/** Parses UTF-8 bytes as JSON. Throws an `Error` that names `what` is damaged. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = (error as Error).message.replaceAll(/\s+/g, " ");
    throw new Error(`Cannot use ${what}: it is not JSON (${reason}); download the file again`);
  }
}
