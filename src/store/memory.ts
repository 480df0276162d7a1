/**
 * Snapshots in the memory of this process.
 *
 * @module
 */
import {
  byteLimit,
  type Candidate,
  checkFence,
  checkKey,
  checkLease,
  FENCE_MEMORY_MS,
  full,
  GrantedLease,
  type LeaseRecord,
  makeRoom,
} from "./rules.ts";
import type {
  Lease,
  PutOptions,
  SnapshotStore,
  StoreEntry,
  StoreOptions,
  WriteOptions,
} from "./store.ts";

interface Stored {
  readonly bytes: Uint8Array<ArrayBuffer>;
  usedAt: number;
  readonly kept: boolean;
}

/**
 * Snapshots in memory: gone when the process ends, and shared with no other.
 *
 * @example
 * ```ts
 * import { MemoryStore } from "@contrail/contrail";
 *
 * await using store = new MemoryStore({ maxBytes: 256e6 });
 * await store.put("prefix/1", new Uint8Array([1, 2, 3]));
 * console.log(await store.get("prefix/1")); // Uint8Array(3) [ 1, 2, 3 ]
 * ```
 */
export class MemoryStore implements SnapshotStore {
  readonly #maxBytes: number;
  /** The least recently used first. */
  readonly #entries = new Map<string, Stored>();
  /** The newest of each key, the one granted longest ago first. */
  readonly #leases = new Map<string, LeaseRecord>();
  #bytes = 0;
  #lastFence = 0;

  /** An empty store. Throws a `RangeError` for wrong options. */
  constructor(options: StoreOptions = {}) {
    this.#maxBytes = byteLimit(options);
  }

  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return Promise.try(() => {
      checkKey(key);
      const stored = this.#entries.get(key);
      if (!stored) return undefined;
      stored.usedAt = Date.now();
      this.#entries.delete(key);
      this.#entries.set(key, stored);
      return stored.bytes.slice();
    });
  }

  put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<void> {
    return Promise.try(() => {
      checkKey(key);
      const now = Date.now();
      checkFence(key, options.fence, this.#leases.get(key), now);
      const before = this.#entries.get(key)?.bytes.length ?? 0;
      const need = this.#bytes - before + bytes.length - this.#maxBytes;
      const evicted = makeRoom(this.#candidates(key, now), need);
      if (!evicted) throw full(key, bytes.length, this.#maxBytes);
      for (const other of [...evicted, key]) this.#remove(other);
      const kept = options.keep ?? false;
      this.#entries.set(key, { bytes: new Uint8Array(bytes), usedAt: now, kept });
      this.#bytes += bytes.length;
    });
  }

  delete(key: string, options: WriteOptions = {}): Promise<void> {
    return Promise.try(() => {
      checkKey(key);
      checkFence(key, options.fence, this.#leases.get(key), Date.now());
      this.#remove(key);
    });
  }

  async *list(prefix = ""): AsyncGenerator<StoreEntry> {
    checkKey(prefix);
    for (const [key, { bytes, usedAt, kept }] of [...this.#entries]) {
      if (!key.startsWith(prefix)) continue;
      yield { key, bytes: bytes.length, usedAt, kept };
    }
  }

  lease(key: string, owner: string, milliseconds: number): Promise<Lease | undefined> {
    return Promise.try(() => {
      checkLease(key, milliseconds);
      const now = Date.now();
      if (this.#isLeased(key, now)) return undefined;
      this.#forgetLeases(now);
      const fence = ++this.#lastFence;
      this.#leases.delete(key);
      this.#leases.set(key, { owner, fence, until: now + milliseconds });
      const keeper = { extend: this.#extend.bind(this) };
      return new GrantedLease(keeper, { key, owner, fence, milliseconds });
    });
  }

  /** Drops all that is kept. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#entries.clear();
    this.#leases.clear();
    this.#bytes = 0;
    return Promise.resolve();
  }

  *#candidates(key: string, now: number): Generator<Candidate> {
    for (const [other, { bytes, kept }] of this.#entries) {
      if (other === key || kept || this.#isLeased(other, now)) continue;
      yield { key: other, bytes: bytes.length };
    }
  }

  #remove(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes.length ?? 0;
    this.#entries.delete(key);
  }

  #isLeased(key: string, now: number): boolean {
    return (this.#leases.get(key)?.until ?? 0) > now;
  }

  #extend(key: string, fence: number, milliseconds: number): Promise<boolean> {
    const newest = this.#leases.get(key);
    if (newest?.fence !== fence) return Promise.resolve(false);
    this.#leases.set(key, { ...newest, until: Date.now() + milliseconds });
    return Promise.resolve(true);
  }

  #forgetLeases(now: number): void {
    for (const [key, { until }] of this.#leases) {
      if (until + FENCE_MEMORY_MS > now) return;
      this.#leases.delete(key);
    }
  }
}
