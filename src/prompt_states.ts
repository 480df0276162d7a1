/**
 * States of prompts in a store, by the tokens that led to them.
 *
 * @module
 */
import type { SessionLink } from "./session_link.ts";
import { type SnapshotStore, StoreError } from "./store/store.ts";

/** Fewer tokens are as soon computed as read. */
const LEAST_TOKENS = 16;

/** What makes a state differ from one of the same tokens. */
export interface StateKind {
  readonly fingerprint: string;
  readonly weightsType: string;
  readonly stateType: string;
  readonly cacheType: string;
  /** Tokens that full attention reads of those that it holds. */
  readonly attentionRead: number;
}

/** What a store has for a prompt. */
export interface StoredPrompt {
  /** A snapshot after some of its first tokens. */
  readonly bytes?: Uint8Array<ArrayBuffer> | undefined;
  /** Why the store could not be asked. */
  readonly fault?: string;
}

/** A snapshot, and all tokens that are in it, where they are known. */
interface Snapshot {
  readonly bytes: Uint8Array;
  readonly tokens: Int32Array | undefined;
}

/**
 * States by their tokens, for all runtimes that share a store and would come to the same states. A
 * key names what they depend on, the first tokens, how many there are, and the hash of all, so that
 * the keys that begin alike tell what there is for a prompt.
 */
export class PromptStates {
  readonly #store: SnapshotStore;
  readonly #prefix: string;
  #writing: Promise<void> | undefined;

  constructor(store: SnapshotStore, kind: StateKind) {
    const { fingerprint, weightsType, stateType, cacheType, attentionRead } = kind;
    this.#store = store;
    this.#prefix = ["prompt", fingerprint.slice(0, 16), weightsType, stateType, cacheType]
      .concat(`${attentionRead}`).join("/");
  }

  /**
   * A snapshot that goes further into the first prompt of a session than what the engine keeps. A
   * store that fails is no reason to fail: what it has is computed again.
   */
  async find(link: SessionLink, tokens: Int32Array): Promise<StoredPrompt> {
    if (link.position > 0 || tokens.length < LEAST_TOKENS) return {};
    link.send({ type: "probe", tokens: new Int32Array(tokens).buffer });
    const { known } = await link.expect("probed");
    try {
      return { bytes: await this.#find(tokens, known, link.attentionBudget) };
    } catch (error) {
      if (error instanceof StoreError) return { fault: error.message };
      throw error;
    }
  }

  /** Stores what a session has come to, if its tokens are all known. */
  async put({ tokens, bytes }: Snapshot, attentionBudget: number): Promise<void> {
    if (!tokens || tokens.length < LEAST_TOKENS) return;
    await this.#store.put(await this.#key(tokens, attentionBudget), bytes);
  }

  /**
   * Does the same while other things go on, unless it does so already: what cannot be stored is
   * computed again.
   */
  putLater(snapshot: Snapshot, attentionBudget: number): void {
    this.#writing ??= this.put(snapshot, attentionBudget)
      .catch(() => {})
      .finally(() => this.#writing = undefined);
  }

  /** Settles when nothing is being stored. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** The snapshot after the longest stored beginning of `tokens` that is longer than `known`. */
  async #find(
    tokens: Int32Array,
    known: number,
    attentionBudget: number,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const keys = new Set<string>();
    const lengths = new Set<number>();
    const beginning = await this.#beginning(tokens, attentionBudget);
    for await (const { key } of this.#store.list(beginning)) {
      const length = Number(key.slice(beginning.length).split("/")[0]);
      keys.add(key);
      if (length > known && length <= tokens.length) lengths.add(length);
    }
    for (const length of [...lengths].sort((a, b) => b - a)) {
      const key = await this.#key(tokens.subarray(0, length), attentionBudget);
      if (keys.has(key)) return await this.#store.get(key);
    }
    return undefined;
  }

  async #key(tokens: Int32Array, attentionBudget: number): Promise<string> {
    const beginning = await this.#beginning(tokens, attentionBudget);
    return `${beginning}${tokens.length}/${await hash(tokens)}`;
  }

  /** What the keys of all states begin with whose first tokens are those of `tokens`. */
  async #beginning(tokens: Int32Array, attentionBudget: number): Promise<string> {
    const first = (await hash(tokens.subarray(0, LEAST_TOKENS))).slice(0, 16);
    return `${this.#prefix}/${attentionBudget}/${first}/`;
  }
}

async function hash(tokens: Int32Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new Int32Array(tokens));
  return new Uint8Array(digest).toHex();
}
