/**
 * Snapshots in a file on disk.
 *
 * @module
 */
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from "node:sqlite";
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
import {
  type Lease,
  type PutOptions,
  type SnapshotStore,
  type StoreEntry,
  StoreError,
  type StoreOptions,
  type WriteOptions,
} from "./store.ts";

/** Version of the tables below, in the file's `user_version`. */
const VERSION = 1;
/** How long to wait for another process that writes. */
const BUSY_MS = 10_000;

// Keys are bytes, since SQLite's text would end at a zero. Times of use are microseconds, made
// distinct, so that they are an order. Snapshots are apart from what changes with each use of them.
const TABLES = `
  CREATE TABLE IF NOT EXISTS snapshots (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS entries (
    key BLOB PRIMARY KEY,
    snapshot INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    used INTEGER NOT NULL UNIQUE,
    kept INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS leases (
    fence INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice
    key BLOB NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    until INTEGER NOT NULL
  );
  PRAGMA user_version = ${VERSION};
`;
/** Large pages write snapshots of tens of megabytes in a third of the time. */
const SETTINGS = `
  PRAGMA page_size = 65536;
  PRAGMA journal_mode = WAL;
  PRAGMA journal_size_limit = ${2 ** 26};
`;

type Row = Record<string, SQLOutputValue>;

/**
 * Snapshots in an SQLite file, which several processes of one machine may share. What was put
 * survives the end of the process, however it comes, and a loss of power.
 *
 * Reads and writes keep the calling thread waiting. The process needs permission to read and write
 * the file.
 *
 * @example
 * ```ts
 * import { SqliteStore } from "@contrail/contrail";
 *
 * await using store = new SqliteStore("sessions.db", { maxBytes: 4e9 });
 * await store.put("session/7", new Uint8Array([1, 2, 3]), { keep: true });
 * console.log(await store.get("session/7")); // Uint8Array(3) [ 1, 2, 3 ]
 * ```
 */
export class SqliteStore implements SnapshotStore {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #database: DatabaseSync;

  /** Opens the file, or makes it. Throws a {@linkcode StoreError} when it is no store. */
  constructor(path: string, options: StoreOptions = {}) {
    this.#path = path;
    this.#maxBytes = byteLimit(options);
    this.#database = this.#guard("open", () => new DatabaseSync(path, { timeout: BUSY_MS }));
    try {
      this.#guard("open", () => this.#prepare());
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    // The order of use may be lost with the power: nothing is flushed to disk for it.
    return this.#transact("read", { flush: false }, () => {
      const id = toBytes(key);
      const row = this.#row(
        `SELECT snapshots.bytes FROM entries JOIN snapshots ON id = snapshot WHERE key = ?`,
        id,
      );
      if (!row) return undefined;
      this.#run("UPDATE entries SET used = ? WHERE key = ?", this.#nextUse(), id);
      return row.bytes as Uint8Array<ArrayBuffer>;
    });
  }

  put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<void> {
    return this.#transact("write", { flush: true }, () => {
      const id = toBytes(key);
      this.#checkFence(key, options.fence);
      const used = this.#nextUse();
      const others = this.#row("SELECT sum(bytes) AS sum FROM entries WHERE key <> ?", id);
      const need = Number(others?.sum ?? 0) + bytes.length - this.#maxBytes;
      const evicted = makeRoom(this.#candidates(key), need);
      if (!evicted) throw full(key, bytes.length, this.#maxBytes);
      for (const other of [...evicted, key]) this.#remove(other);
      const snapshot = this.#run("INSERT INTO snapshots (bytes) VALUES (?)", bytes).lastInsertRowid;
      const kept = options.keep ? 1 : 0;
      this.#run(
        "INSERT INTO entries (key, snapshot, bytes, used, kept) VALUES (?, ?, ?, ?, ?)",
        ...[id, snapshot, bytes.length, used, kept],
      );
    });
  }

  delete(key: string, options: WriteOptions = {}): Promise<void> {
    return this.#transact("write", { flush: true }, () => {
      checkKey(key);
      this.#checkFence(key, options.fence);
      this.#remove(key);
    });
  }

  async *list(prefix = ""): AsyncGenerator<StoreEntry> {
    const first = toBytes(prefix);
    // No key has this byte. The plus keeps SQLite from going through all keys in order of use.
    const last = new Uint8Array([...first, 255]);
    const rows = this.#guard(
      "read",
      () =>
        this.#rows(
          "SELECT key, bytes, used, kept FROM entries WHERE key BETWEEN ? AND ? ORDER BY +used",
          ...[first, last],
        ),
    );
    for (const { key, bytes, used, kept } of rows) {
      const usedAt = Number(used) / 1000;
      yield { key: toText(key), bytes: Number(bytes), usedAt, kept: kept === 1 };
    }
  }

  lease(key: string, owner: string, milliseconds: number): Promise<Lease | undefined> {
    // A loss of power ends all holders, too.
    return this.#transact("write", { flush: false }, () => {
      checkLease(key, milliseconds);
      const now = Date.now();
      if ((this.#newest(key)?.until ?? 0) > now) return undefined;
      this.#run("DELETE FROM leases WHERE until < ?", now - FENCE_MEMORY_MS);
      const { lastInsertRowid } = this.#run(
        "INSERT OR REPLACE INTO leases (key, owner, until) VALUES (?, ?, ?)",
        ...[toBytes(key), owner, now + milliseconds],
      );
      const keeper = { extend: this.#extend.bind(this) };
      return new GrantedLease(keeper, { key, owner, fence: Number(lastInsertRowid), milliseconds });
    });
  }

  /** Closes the file. */
  [Symbol.asyncDispose](): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
    return Promise.resolve();
  }

  #prepare(): void {
    const version = this.#row("PRAGMA user_version")?.user_version;
    if (version !== 0 && version !== VERSION) {
      throw new Error(`its version is ${version}, not ${VERSION}; use another file`);
    }
    this.#database.exec(SETTINGS);
    this.#database.exec(TABLES);
  }

  #extend(key: string, fence: number, milliseconds: number): Promise<boolean> {
    return this.#transact("write", { flush: false }, () => {
      const { changes } = this.#run(
        "UPDATE leases SET until = ? WHERE key = ? AND fence = ?",
        ...[Date.now() + milliseconds, toBytes(key), fence],
      );
      return changes === 1;
    });
  }

  #newest(key: string): LeaseRecord | undefined {
    const row = this.#row("SELECT owner, fence, until FROM leases WHERE key = ?", toBytes(key));
    if (!row) return undefined;
    return { owner: String(row.owner), fence: Number(row.fence), until: Number(row.until) };
  }

  #checkFence(key: string, fence: number | undefined): void {
    checkFence(key, fence, this.#newest(key), Date.now());
  }

  /** Now, but later than every use before. */
  #nextUse(): number {
    const last = Number(this.#row("SELECT max(used) AS last FROM entries")?.last ?? 0);
    return Math.max(Date.now() * 1000, last + 1);
  }

  #candidates(key: string): Candidate[] {
    const rows = this.#rows(
      `SELECT key, bytes FROM entries WHERE NOT kept AND key <> ? AND NOT EXISTS
        (SELECT 1 FROM leases WHERE leases.key = entries.key AND until > ?) ORDER BY used`,
      ...[toBytes(key), Date.now()],
    );
    return rows.map((row) => ({ key: toText(row.key), bytes: Number(row.bytes) }));
  }

  #remove(key: string): void {
    const row = this.#row("DELETE FROM entries WHERE key = ? RETURNING snapshot", toBytes(key));
    if (row) this.#run("DELETE FROM snapshots WHERE id = ?", row.snapshot!);
  }

  #row(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#database.prepare(sql).get(...values);
  }

  #rows(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#database.prepare(sql).all(...values);
  }

  #run(sql: string, ...values: SQLInputValue[]): { changes: unknown; lastInsertRowid: number } {
    const { changes, lastInsertRowid } = this.#database.prepare(sql).run(...values);
    return { changes, lastInsertRowid: Number(lastInsertRowid) };
  }

  /** Does all of `work` or nothing; with `flush`, it is on the disk when it is done. */
  #transact<T>(action: string, { flush }: { flush: boolean }, work: () => T): Promise<T> {
    return Promise.try(() =>
      this.#guard(action, () => {
        this.#database.exec(`PRAGMA synchronous = ${flush ? "FULL" : "NORMAL"}; BEGIN IMMEDIATE`);
        try {
          const result = work();
          this.#database.exec("COMMIT");
          return result;
        } catch (error) {
          if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
          throw error;
        }
      })
    );
  }

  /** Adds the file's name to what SQLite says. */
  #guard<T>(action: string, work: () => T): T {
    try {
      return work();
    } catch (cause) {
      if (cause instanceof StoreError || cause instanceof TypeError) throw cause;
      if (cause instanceof RangeError || cause instanceof Deno.errors.NotCapable) throw cause;
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new StoreError("failed", `Cannot ${action} the store ${this.#path}: ${text}`, {
        cause,
      });
    }
  }
}

/** A key as the database has it. */
function toBytes(key: string): Uint8Array {
  checkKey(key);
  return new TextEncoder().encode(key);
}

function toText(key: SQLOutputValue | undefined): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(key as Uint8Array<ArrayBuffer>);
}
