/**
 * Where sessions are kept in a store: each under a key of its own, whose lease says who goes on
 * with it.
 *
 * @module
 */
import { SessionError } from "./session_error.ts";
import { type Lease, type SnapshotStore, StoreError } from "./store/store.ts";

/** Most characters of an id. */
const LONGEST_ID = 256;
/** A lease is renewed this many times before it would end. */
const RENEWALS = 3;

/** A session in a store. */
export interface StoredSession {
  readonly id: string;
  /** Bytes of its snapshot. */
  readonly bytes: number;
  /** When it was last written or read, in milliseconds since 1970. */
  readonly usedAt: number;
}

/** The sessions of one model in a store. */
export class SessionPlaces {
  readonly #store: SnapshotStore;
  readonly #prefix: string;
  readonly #owner = `runtime ${crypto.randomUUID()}`;
  readonly #leaseTime: number;

  constructor(store: SnapshotStore, fingerprint: string, leaseTime: number) {
    this.#store = store;
    this.#prefix = `session/${fingerprint.slice(0, 16)}/`;
    this.#leaseTime = leaseTime;
  }

  /** Leases the place of a session, which need not have a snapshot; `undefined` if others do. */
  async take(id: string): Promise<SessionPlace | undefined> {
    const lease = await this.#store.lease(this.#key(id), this.#owner, this.#leaseTime);
    return lease && new SessionPlace(this.#store, lease, id, this.#leaseTime);
  }

  /** How long a lease outlives a runtime that has died, in milliseconds. */
  get leaseTime(): number {
    return this.#leaseTime;
  }

  /** The snapshot of a session at the end of its last turn, whoever goes on with it. */
  async read(id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return await this.#store.get(this.#key(id));
  }

  /** The sessions that stay until they are deleted, the least recently used first. */
  async *list(): AsyncGenerator<StoredSession> {
    for await (const { key, bytes, usedAt, kept } of this.#store.list(this.#prefix)) {
      if (kept) yield { id: key.slice(this.#prefix.length), bytes, usedAt };
    }
  }

  #key(id: string): string {
    if (typeof id === "string" && id !== "" && id.length <= LONGEST_ID && id.isWellFormed()) {
      return this.#prefix + id;
    }
    throw new TypeError(
      `The id of the session is wrong: pass a text of 1 to ${LONGEST_ID} whole characters`,
    );
  }
}

/** The place of one session, held by a lease that is renewed until it is released. */
export class SessionPlace {
  readonly id: string;
  readonly #store: SnapshotStore;
  readonly #lease: Lease;
  readonly #leaseTime: number;
  /** Until when no other can have it, in milliseconds since 1970. */
  #until: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lost = false;
  #released = false;

  /** Use {@linkcode SessionPlaces.take}. */
  constructor(store: SnapshotStore, lease: Lease, id: string, leaseTime: number) {
    this.id = id;
    this.#store = store;
    this.#lease = lease;
    this.#leaseTime = leaseTime;
    this.#until = Date.now() + leaseTime;
    this.#renewLater();
  }

  /**
   * Sees to it that the place is still held.
   *
   * @throws {SessionError} It is not: this process was silent for longer than the lease.
   */
  async check(): Promise<void> {
    if (Date.now() >= this.#until) await this.#renew();
    if (this.#lost) throw this.#gone();
  }

  /** The snapshot, if there is one. */
  async load(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return await this.#store.get(this.#lease.key);
  }

  /** Whether there is a snapshot. */
  async exists(): Promise<boolean> {
    for await (const { key } of this.#store.list(this.#lease.key)) {
      if (key === this.#lease.key) return true;
    }
    return false;
  }

  /** Puts a snapshot here, which stays until it is deleted, or as long as the lease. */
  async save(bytes: Uint8Array, keep: boolean): Promise<void> {
    await this.#write((fence) => this.#store.put(this.#lease.key, bytes, { keep, fence }));
  }

  /** Removes the snapshot. */
  async delete(): Promise<void> {
    await this.#write((fence) => this.#store.delete(this.#lease.key, { fence }));
  }

  /** Lets others have the place; a store that is away does so itself, in time. */
  async release(): Promise<void> {
    this.#released = true;
    clearTimeout(this.#timer);
    await this.#lease.release().catch(() => {});
  }

  async #write(work: (fence: number) => Promise<void>): Promise<void> {
    if (this.#lost) throw this.#gone();
    try {
      await work(this.#lease.fence);
    } catch (error) {
      if (!(error instanceof StoreError) || error.reason !== "fenced") throw error;
      this.#lost = true;
      throw this.#gone(error);
    }
  }

  async #renew(): Promise<void> {
    if (this.#lost) return;
    const until = Date.now() + this.#leaseTime;
    if (await this.#lease.renew(this.#leaseTime)) this.#until = until;
    else this.#lost = true;
  }

  #renewLater(): void {
    this.#timer = setTimeout(async () => {
      // A store that is away may be back in time.
      await this.#renew().catch(() => {});
      if (!this.#lost && !this.#released) this.#renewLater();
    }, this.#leaseTime / RENEWALS);
  }

  #gone(cause?: unknown): SessionError {
    return new SessionError(
      "lost",
      `The session "${this.id}" goes on at another runtime, since this one was silent for longer ` +
        `than its lease of ${this.#leaseTime} ms: open it again to go on from what is stored`,
      { cause },
    );
  }
}
