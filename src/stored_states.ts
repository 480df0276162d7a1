/**
 * What sessions leave in a store: states of parked ones, and states by the tokens that led to them.
 *
 * @module
 */
import type { SessionLink } from "./session_link.ts";
import { type SnapshotStore, StoreError } from "./store/store.ts";

/** The states of parked sessions. */
export class ParkedStates {
  readonly #store: SnapshotStore;

  constructor(store: SnapshotStore) {
    this.#store = store;
  }

  async put(bytes: Uint8Array): Promise<string> {
    const key = `parked/${crypto.randomUUID()}`;
    await this.#store.put(key, bytes, { keep: true });
    return key;
  }

  async get(key: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#store.get(key);
    if (bytes) return bytes;
    throw new Error(`The parked session ${key} is not in the store; it was deleted from there`);
  }

  async delete(key: string): Promise<void> {
    await this.#store.delete(key);
  }
}

/** What a store has for a prompt. */
export interface StoredPrompt {
  /** A snapshot after some of its first tokens. */
  readonly bytes?: Uint8Array<ArrayBuffer> | undefined;
  /** Why the store could not be asked. */
  readonly fault?: string;
}

/**
 * States by their tokens, for all runtimes of a model that share a store. A key names the model,
 * how many tokens there are, and their hash, so that the keys alone tell what there is.
 */
export class PromptStates {
  readonly #store: SnapshotStore;
  readonly #prefix: string;

  constructor(store: SnapshotStore, fingerprint: string) {
    this.#store = store;
    this.#prefix = `prompt/${fingerprint.slice(0, 16)}/`;
  }

  /**
   * A snapshot that goes further into the first prompt of a session than what the engine keeps. A
   * store that fails is no reason to fail: what it has is computed again.
   */
  async find(link: SessionLink, tokens: Int32Array): Promise<StoredPrompt> {
    if (link.position > 0 || tokens.length === 0) return {};
    link.send({ type: "probe", tokens: new Int32Array(tokens).buffer });
    const { known } = await link.expect("probed");
    try {
      return { bytes: await this.#find(tokens, known) };
    } catch (error) {
      if (error instanceof StoreError) return { fault: error.message };
      throw error;
    }
  }

  /** Stores what a session has come to, if its tokens are all known. */
  async put(link: SessionLink): Promise<void> {
    if (link.position === 0) return;
    const { tokens, bytes } = await link.snapshot();
    if (tokens) await this.#store.put(await this.#key(tokens), bytes);
  }

  /** The snapshot after the longest stored beginning of `tokens` that is longer than `known`. */
  async #find(tokens: Int32Array, known: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const keys = new Set<string>();
    const lengths = new Set<number>();
    for await (const { key } of this.#store.list()) {
      if (!key.startsWith(this.#prefix)) continue;
      const length = Number(key.slice(this.#prefix.length).split("/")[0]);
      keys.add(key);
      if (length > known && length <= tokens.length) lengths.add(length);
    }
    for (const length of [...lengths].sort((a, b) => b - a)) {
      const key = await this.#key(tokens.subarray(0, length));
      if (keys.has(key)) return await this.#store.get(key);
    }
    return undefined;
  }

  async #key(tokens: Int32Array): Promise<string> {
    const hash = await crypto.subtle.digest("SHA-256", new Int32Array(tokens));
    return `${this.#prefix}${tokens.length}/${new Uint8Array(hash).toHex()}`;
  }
}
