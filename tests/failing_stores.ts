/**
 * Stores that fail when they are told to.
 *
 * @module
 */
import { MemoryStore } from "../src/store/memory.ts";
import { type Lease, type SnapshotStore, StoreError } from "../src/store/store.ts";

/** What one runtime sees of a store that it can lose touch with: then nothing reaches it. */
export class Connection implements SnapshotStore {
  readonly #store: SnapshotStore;
  cut = false;
  fails = false;

  constructor(store: SnapshotStore) {
    this.#store = store;
  }

  get(key: string) {
    return this.#store.get(key);
  }

  async put(...args: Parameters<SnapshotStore["put"]>) {
    if (this.fails) throw new StoreError("failed", "The store is away");
    await this.#store.put(...args);
  }

  async delete(...args: Parameters<SnapshotStore["delete"]>) {
    if (this.fails) throw new StoreError("failed", "The store is away");
    return await this.#store.delete(...args);
  }

  list(prefix?: string) {
    return this.#store.list(prefix);
  }

  async lease(...args: Parameters<SnapshotStore["lease"]>): Promise<Lease | undefined> {
    const lease = await this.#store.lease(...args);
    if (!lease) return undefined;
    const renew = lease.renew.bind(lease);
    lease.renew = async (milliseconds) => {
      if (this.cut) throw new StoreError("failed", "The store is away");
      return await renew(milliseconds);
    };
    return lease;
  }

  async [Symbol.asyncDispose]() {}
}

/** A store that fails once told to, and can lose a snapshot. */
export class FailingStore extends MemoryStore {
  failing = false;
  lost: string | undefined;

  override async get(key: string): ReturnType<MemoryStore["get"]> {
    return key === this.lost ? undefined : await super.get(key);
  }

  override async put(...args: Parameters<MemoryStore["put"]>): Promise<void> {
    if (this.failing) throw new StoreError("failed", "The store is away");
    await super.put(...args);
  }

  override async *list(prefix?: string): ReturnType<MemoryStore["list"]> {
    if (this.failing) throw new StoreError("failed", "The store is away");
    yield* super.list(prefix);
  }
}
