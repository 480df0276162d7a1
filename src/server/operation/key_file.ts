/**
 * The keys of a running server: those that its file has now.
 *
 * @module
 */
import { type ApiKey, findKey, readKeys } from "./api_keys.ts";

/** A change of the file is seen after so long. */
const LOOK_MS = 1000;

/** A file of keys that is read again once it has changed. */
export class KeyFile {
  readonly #path: string;
  #keys: readonly ApiKey[] = [];
  #version: string | undefined;
  #lookedAt = -Infinity;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The key with this text, if the file has it.
   *
   * @throws {Error} The file cannot be read: nobody gets in until it can.
   */
  async find(text: string): Promise<ApiKey | undefined> {
    await this.load();
    return findKey(this.#keys, text);
  }

  /** Reads the file unless it is as it was. Throws an `Error` when that fails. */
  async load(): Promise<void> {
    if (performance.now() - this.#lookedAt < LOOK_MS) return;
    const { mtime, size, ino } = await Deno.stat(this.#path);
    const version = `${mtime?.getTime()} ${size} ${ino}`;
    if (version !== this.#version) {
      this.#keys = await readKeys(this.#path);
      this.#version = version;
    }
    this.#lookedAt = performance.now();
  }
}
