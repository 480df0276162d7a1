/**
 * Reads the JSON files of a model folder.
 *
 * @module
 */
import { openFile, parseJson, readBytes } from "./files.ts";

/** Twice the largest `tokenizer.json` in use. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Reads and parses a JSON file. Throws an `Error` that names the file when it is missing, not JSON
 * or larger than `maxBytes` (default 64 MiB). A missing `optional` file is `undefined`.
 *
 * @example
 * ```ts ignore
 * const config = parseConfig(readJson("models/fable/config.json"), "models/fable/config.json");
 * ```
 */
export function readJson(
  path: string,
  options: { optional?: boolean; maxBytes?: number } = {},
): unknown {
  const { optional = false, maxBytes = MAX_BYTES } = options;
  const opened = openFile(path);
  if (!opened) {
    if (optional) return undefined;
    throw new Error(`Cannot read ${path}: there is no such file; pass a folder that has it`);
  }
  using file = opened.file;
  if (opened.bytes > maxBytes) {
    throw new Error(
      `Cannot use ${path}: it has ${opened.bytes} bytes, which is over the limit of ${maxBytes}; ` +
        "put the model's own file in its place",
    );
  }
  return parseJson(readBytes(file, opened.bytes, path), path);
}
