/**
 * What all stores check and decide alike.
 *
 * @module
 */
import { type Lease, StoreError, type StoreOptions } from "./store.ts";

/** How long the newest fence of a key is remembered after its lease has ended. */
export const FENCE_MEMORY_MS = 24 * 60 * 60 * 1000;

/** The newest lease that was granted of a key. */
export interface LeaseRecord {
  readonly owner: string;
  readonly fence: number;
  /** When it ends, or has ended, in milliseconds since 1970. */
  readonly until: number;
}

/** A snapshot that may make room. */
export interface Candidate {
  readonly key: string;
  readonly bytes: number;
}

/** The limit on the bytes of a store. */
export function byteLimit({ maxBytes = Infinity }: StoreOptions): number {
  if (maxBytes === Infinity || (Number.isSafeInteger(maxBytes) && maxBytes >= 0)) return maxBytes;
  throw new RangeError(`maxBytes is ${maxBytes}: pass a whole number, 0 or more`);
}

/** Throws a `TypeError` when two different keys could become the same bytes. */
export function checkKey(key: string): void {
  if (key.isWellFormed()) return;
  throw new TypeError(
    `The key ${JSON.stringify(key)} holds half a character; use keys of whole characters`,
  );
}

/** Throws a `TypeError` or `RangeError` unless a lease can be granted for this. */
export function checkLease(key: string, milliseconds: number): void {
  checkKey(key);
  if (Number.isInteger(milliseconds) && milliseconds > 0 && milliseconds < 2 ** 31) return;
  throw new RangeError(
    `A lease of ${milliseconds} ms cannot be granted: pass a whole number from 1 to ${2 ** 31 - 1}`,
  );
}

/** Refuses a write with `fence` to a key whose newest lease is `newest`. */
export function checkFence(
  key: string,
  fence: number | undefined,
  newest: LeaseRecord | undefined,
  now: number,
): void {
  if (!newest) return;
  const refused = fence === undefined ? newest.until > now : fence < newest.fence;
  if (refused) throw fenced(key, fence, newest);
}

/** The error for a write with a fence that is too old, or with none. */
export function fenced(
  key: string,
  fence: number | undefined,
  { owner, fence: newest }: Pick<LeaseRecord, "owner" | "fence">,
): StoreError {
  return new StoreError(
    "fenced",
    fence === undefined
      ? `Cannot write "${key}": "${owner}" holds a lease of it; lease it first`
      : `Cannot write "${key}" with fence ${fence}: "${owner}" was granted fence ${newest} ` +
        `since; drop this copy and lease the key again`,
  );
}

/** The error for a snapshot that finds no room. */
export function full(key: string, bytes: number, maxBytes: number): StoreError {
  return new StoreError(
    "full",
    `Cannot store "${key}" with ${bytes} bytes: what is kept or leased leaves too little of the ` +
      `${maxBytes} bytes that the store may have; delete snapshots, or raise maxBytes`,
  );
}

/**
 * The first of `candidates` that together free `need` bytes; `undefined` when all of them do not.
 */
export function makeRoom(candidates: Iterable<Candidate>, need: number): string[] | undefined {
  const chosen: string[] = [];
  if (need <= 0) return chosen;
  let freed = 0;
  for (const { key, bytes } of candidates) {
    chosen.push(key);
    freed += bytes;
    if (freed >= need) return chosen;
  }
  return undefined;
}

/** How a store moves the end of its newest lease of `key`, while that is the one of `fence`. */
export interface LeaseKeeper {
  /** Ends the lease `milliseconds` from now. `false` when it is no longer the newest. */
  extend(key: string, fence: number, milliseconds: number): Promise<boolean>;
}

/** A lease that a store has granted. */
export class GrantedLease implements Lease {
  readonly key: string;
  readonly owner: string;
  readonly fence: number;
  readonly #keeper: LeaseKeeper;
  readonly #milliseconds: number;
  #released = false;

  constructor(
    keeper: LeaseKeeper,
    granted: { key: string; owner: string; fence: number; milliseconds: number },
  ) {
    this.key = granted.key;
    this.owner = granted.owner;
    this.fence = granted.fence;
    this.#keeper = keeper;
    this.#milliseconds = granted.milliseconds;
  }

  async renew(milliseconds: number = this.#milliseconds): Promise<boolean> {
    checkLease(this.key, milliseconds);
    if (this.#released) return false;
    return await this.#keeper.extend(this.key, this.fence, milliseconds);
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#keeper.extend(this.key, this.fence, 0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
