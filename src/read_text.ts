/**
 * Reads text files that the user names.
 *
 * @module
 */

/** The text of a file. Throws an `Error` that names the file when it cannot be read. */
export function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new Error(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}
