/**
 * Reads text files that the user names.
 *
 * @module
 */

/**
 * The text of a file. Throws an `Error` that names the file when it cannot be read, or is not in
 * UTF-8.
 */
export function readText(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
  } catch (error) {
    if (error instanceof TypeError) {
      throw new Error(`Cannot read ${path}: it is no text in UTF-8; convert it`, { cause: error });
    }
    throw new Error(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
