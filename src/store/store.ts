/**
 * Where snapshots of sessions live while no session runs on them: those of parked sessions, which
 * are kept until they are deleted, and those of a prefix cache, which make room for newer ones.
 *
 * Several servers may share a store. Any of them continues any session; a lease sees to it that two
 * never continue the same one. A server that dies holds its lease until it expires, and one that
 * was only slow finds its late writes refused: its fence is older than that of the next lease.
 *
 * @module
 */

/** Options of a store that are the same for all of them. */
export interface StoreOptions {
  /**
   * Most bytes of all snapshots together; without it there is no limit. Past it, snapshots make
   * room, the least recently used first, except those that are kept or whose key is leased.
   */
  maxBytes?: number;
}

/** Options of {@linkcode SnapshotStore.delete}. */
export interface WriteOptions {
  /**
   * The fence of the lease under which this is written. Without one, the write is refused while
   * anyone holds a lease of the key.
   */
  fence?: number;
}

/** Options of {@linkcode SnapshotStore.put}. */
export interface PutOptions extends WriteOptions {
  /** Whether the snapshot stays until it is deleted (default `false`: it may make room). */
  keep?: boolean;
}

/** What a store knows of one snapshot. */
export interface StoreEntry {
  /** What it was put under. */
  readonly key: string;
  /** Size of the snapshot. */
  readonly bytes: number;
  /** When it was last written or read, in milliseconds since 1970. */
  readonly usedAt: number;
  /** Whether it stays when others have to make room. */
  readonly kept: boolean;
}

/**
 * The right to write a key, for a time. Disposing releases it.
 *
 * A store remembers the newest fence of a key for a day after its lease has ended.
 */
export interface Lease extends AsyncDisposable {
  /** What it is the right to write. */
  readonly key: string;
  /** Who has it, for messages. */
  readonly owner: string;
  /** Greater than that of every lease granted before. */
  readonly fence: number;
  /**
   * Holds the lease for so many milliseconds from now, by default as many as at first. `false` when
   * it was released, or has expired and another was granted since: what was computed under it is
   * void.
   */
  renew(milliseconds?: number): Promise<boolean>;
  /** Lets others have the key; nothing happens when the lease is no longer held. */
  release(): Promise<void>;
}

/**
 * Snapshots by key. A key is any well-formed text; a snapshot is any bytes, also none.
 *
 * Every method rejects with a {@linkcode StoreError} that says what is wrong and what to do. Reads
 * and writes are atomic: a snapshot is there as a whole or not at all.
 */
export interface SnapshotStore extends AsyncDisposable {
  /** A copy of a snapshot, and marks it as used; `undefined` when there is none. */
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Stores a copy of `bytes`, in place of what the key had. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<void>;
  /** Removes a snapshot, if there is one. */
  delete(key: string, options?: WriteOptions): Promise<void>;
  /**
   * The snapshots whose keys begin with `prefix` (default: all), the least recently used first.
   * Cheap where few do, whatever else the store has.
   */
  list(prefix?: string): AsyncIterable<StoreEntry>;
  /**
   * Leases a key, which need not have a snapshot. `undefined` while anyone holds a lease of it,
   * `owner` included. `owner` is a name for messages.
   */
  lease(key: string, owner: string, milliseconds: number): Promise<Lease | undefined>;
}

/**
 * Why a store refused.
 *
 * - `fenced`: someone else has leased the key, now or since the given fence.
 * - `full`: what is kept or leased leaves no room within `maxBytes`.
 * - `failed`: the file or the server below it did.
 */
export type StoreFailure = "fenced" | "full" | "failed";

/** A failure of a {@linkcode SnapshotStore}. */
export class StoreError extends Error {
  /** Tells this class from others. */
  override readonly name = "StoreError";
  /** What has happened. */
  readonly reason: StoreFailure;

  /** An error with this sentence. */
  constructor(reason: StoreFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
