/**
 * States of sessions by the tokens that led to them, so that no prompt is computed twice and a
 * session can go back.
 *
 * @module
 */

/** The latest tokens of a session: all of them when `start` is 0. */
export interface Tokens {
  /** Position of the first of `ids`. */
  readonly start: number;
  readonly ids: Int32Array;
}

/** A kept state. */
interface Entry<State> extends Tokens {
  /** The session that it is of, whose alone it is unless all of its tokens are known. */
  readonly owner: number;
  readonly state: State;
  readonly bytes: number;
}

/** What {@linkcode PrefixCache.find} found. */
export interface Found<State> {
  /** The longest kept state that the tokens begin with. */
  readonly match: { readonly position: number; readonly state: State } | undefined;
  /** How many tokens at the beginning are also at the beginning of some kept state. */
  readonly shared: number;
}

/** Keeps states up to a number of bytes; the one that was used longest ago goes first. */
export class PrefixCache<State> {
  readonly #maxBytes: number;
  /** Least recently used first. */
  #entries: Entry<State>[] = [];
  #bytes = 0;

  /** Keeps at most `maxBytes` of states; 0 keeps none. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether anything can be kept at all. */
  get enabled(): boolean {
    return this.#maxBytes > 0;
  }

  /**
   * Keeps the state of session `owner` after `tokens`. Returns a state that had to go, if one had.
   */
  put(owner: number, tokens: Tokens, state: State, bytes: number): State | undefined {
    const size = bytes + tokens.ids.byteLength;
    if (size > this.#maxBytes) return undefined;
    this.#drop((entry) =>
      entry.start === tokens.start && entry.ids.length === tokens.ids.length &&
      (tokens.start === 0 || entry.owner === owner) &&
      sharedLength(entry.ids, tokens.ids) === tokens.ids.length
    );
    let dropped: Entry<State> | undefined;
    while (this.#bytes + size > this.#maxBytes) {
      dropped = this.#entries.shift()!;
      this.#bytes -= dropped.bytes;
    }
    this.#entries.push({ ...tokens, owner, state, bytes: size });
    this.#bytes += size;
    return dropped?.state;
  }

  /**
   * Looks for a state that `ids`, a text from its first token, begins with, among those that
   * `accepts` allows.
   */
  find(ids: Int32Array, accepts: (state: State) => boolean): Found<State> {
    let best: Entry<State> | undefined;
    let shared = 0;
    for (const entry of this.#entries) {
      if (entry.start > 0 || !accepts(entry.state)) continue;
      const length = sharedLength(entry.ids, ids);
      shared = Math.max(shared, length);
      if (length === entry.ids.length && length > (best?.ids.length ?? 0)) best = entry;
    }
    return { match: this.#use(best), shared };
  }

  /**
   * Looks for the last state at or before `position` that session `owner`, of whose tokens `tokens`
   * are known, has gone through.
   */
  findBefore(
    owner: number,
    tokens: Tokens,
    position: number,
    accepts: (state: State) => boolean,
  ): Found<State>["match"] {
    if (tokens.start === 0) return this.find(tokens.ids.subarray(0, position), accepts).match;
    let best: Entry<State> | undefined;
    for (const entry of this.#entries) {
      const end = endOf(entry);
      const isOwn = entry.owner === owner && end <= position && end >= tokens.start;
      if (isOwn && end > (best ? endOf(best) : -1)) best = entry;
    }
    return this.#use(best);
  }

  /** Forgets what only session `owner` could use after `position`: it goes back, or ends. */
  forget(owner: number, position: number): void {
    this.#drop((entry) => entry.owner === owner && entry.start > 0 && endOf(entry) > position);
  }

  #use(entry: Entry<State> | undefined): Found<State>["match"] {
    if (!entry) return undefined;
    this.#entries = [...this.#entries.filter((other) => other !== entry), entry];
    return { position: endOf(entry), state: entry.state };
  }

  #drop(isWanted: (entry: Entry<State>) => boolean): void {
    this.#entries = this.#entries.filter((entry) => {
      if (!isWanted(entry)) return true;
      this.#bytes -= entry.bytes;
      return false;
    });
  }
}

function endOf({ start, ids }: Tokens): number {
  return start + ids.length;
}

function sharedLength(a: Int32Array, b: Int32Array): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
