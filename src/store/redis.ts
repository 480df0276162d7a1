/**
 * Snapshots in a Redis server.
 *
 * @module
 */
import { createClient, RESP_TYPES } from "@redis/client";
import { Buffer } from "node:buffer";
import { byteLimit, checkKey, checkLease, fenced, full, GrantedLease } from "./rules.ts";
import { DELETE, EXTEND, LEASE, LIST, PUT, USE } from "./redis_scripts.ts";
import {
  type Lease,
  type PutOptions,
  type SnapshotStore,
  type StoreEntry,
  StoreError,
  type StoreOptions,
  type WriteOptions,
} from "./store.ts";

/** Options of {@linkcode RedisStore.open}. */
export interface RedisStoreOptions extends StoreOptions {
  /** What the names of all keys in Redis begin with (default `contrail`). */
  prefix?: string;
}

type Client = ReturnType<typeof connection>;

/** How long to wait for a connection. */
const CONNECT_MS = 5000;
/** A server that has not answered for so long is taken for dead; it is asked more often. */
const SILENCE_MS = 30_000;
/** Longest pause between attempts to connect again. */
const RETRY_MS = 2000;
/** How long what was sent waits to become a snapshot, should this process die between. */
const SENT_SECONDS = 600;

/**
 * Snapshots in Redis 6 or later, for servers that continue each other's sessions. How well they
 * survive is up to the server's own persistence; its `maxmemory-policy` should be `noeviction`.
 *
 * While the server is away, every method rejects at once, and the connection is made again when it
 * is back. The process needs permission to connect to it.
 *
 * @example
 * ```ts
 * import { RedisStore } from "@contrail/contrail";
 *
 * await using store = await RedisStore.open("redis://127.0.0.1:6379");
 * await store.put("session/7", new Uint8Array([1, 2, 3]), { keep: true });
 * console.log(await store.get("session/7")); // Uint8Array(3) [ 1, 2, 3 ]
 * ```
 */
export class RedisStore implements SnapshotStore {
  readonly #client: Client;
  readonly #server: string;
  readonly #prefix: string;
  readonly #maxBytes: number;

  /**
   * Connects to `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. Rejects
   * with a {@linkcode StoreError} when the server is not there.
   */
  static async open(url: string, options: RedisStoreOptions = {}): Promise<RedisStore> {
    const store = new RedisStore(url, options);
    await store.#ask(() => store.#client.connect());
    return store;
  }

  private constructor(url: string, options: RedisStoreOptions) {
    const address = URL.parse(url);
    if (!address || !["redis:", "rediss:"].includes(address.protocol)) {
      // The address is not shown: it may hold a password.
      throw new TypeError("The address of Redis is wrong: pass one like redis://127.0.0.1:6379");
    }
    this.#server = address.host;
    this.#maxBytes = byteLimit(options);
    this.#prefix = options.prefix ?? "contrail";
    this.#client = connection(url);
  }

  async get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    checkKey(key);
    const client = this.#client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    const [value] = await this.#ask(() =>
      Promise.all([client.get(`${this.#prefix}:value:${key}`), this.#eval(USE, [key])])
    );
    return value === null ? undefined : new Uint8Array(value);
  }

  async put(key: string, bytes: Uint8Array, options: PutOptions = {}): Promise<void> {
    checkKey(key);
    // Scripts copy their arguments: so the bytes go first, under a name of their own.
    const fresh = `${this.#prefix}:sent:${crypto.randomUUID()}`;
    const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const { keep, fence } = options;
    const limit = this.#maxBytes === Infinity ? "" : `${this.#maxBytes}`;
    const [, [answer, ...newest]] = await this.#ask(() =>
      Promise.all([
        this.#client.set(fresh, value, { expiration: { type: "EX", value: SENT_SECONDS } }),
        this.#eval<string[]>(PUT, [key, `${fence ?? ""}`, keep ? "1" : "0", limit], [fresh]),
      ])
    );
    if (answer === "full") throw full(key, bytes.length, this.#maxBytes);
    if (answer === "fenced") throw refused(key, fence, newest);
  }

  async delete(key: string, { fence }: WriteOptions = {}): Promise<void> {
    checkKey(key);
    const [answer, ...newest] = await this.#ask(() =>
      this.#eval<string[]>(DELETE, [key, `${fence ?? ""}`])
    );
    if (answer === "fenced") throw refused(key, fence, newest);
  }

  async *list(prefix = ""): AsyncGenerator<StoreEntry> {
    checkKey(prefix);
    const rows = await this.#ask(() => this.#eval<string[][]>(LIST, [prefix]));
    const entries = rows.map(([key, bytes, used, kept]) => ({
      key: key!,
      bytes: Number(bytes),
      usedAt: Number(used) / 1000,
      kept: kept === "1",
    }));
    yield* entries.sort((a, b) => a.usedAt - b.usedAt);
  }

  async lease(key: string, owner: string, milliseconds: number): Promise<Lease | undefined> {
    checkLease(key, milliseconds);
    const fence = await this.#ask(() => this.#eval<number>(LEASE, [key, owner, `${milliseconds}`]));
    if (fence === 0) return undefined;
    const keeper = { extend: this.#extend.bind(this) };
    return new GrantedLease(keeper, { key, owner, fence, milliseconds });
  }

  /** Ends the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#client.isReady) await this.#client.close();
    else if (this.#client.isOpen) this.#client.destroy();
  }

  async #extend(key: string, fence: number, milliseconds: number): Promise<boolean> {
    return await this.#ask(() =>
      this.#eval<number>(EXTEND, [key, `${fence}`, `${milliseconds}`])
    ) === 1;
  }

  async #eval<T>(script: string, values: string[], keys: string[] = []): Promise<T> {
    const reply = await this.#client.eval(script, {
      keys: [this.#prefix, ...keys],
      arguments: values,
    });
    return reply as T;
  }

  /** Adds the server's name to what the client says. */
  async #ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command();
    } catch (cause) {
      if (cause instanceof Deno.errors.NotCapable) throw cause;
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new StoreError(
        "failed",
        `Cannot use Redis at ${this.#server}: ${text}; see that it runs and can be reached`,
        { cause },
      );
    }
  }
}

/** A client that has still to connect. */
function connection(url: string) {
  let connected = false;
  const client = createClient({
    url,
    disableOfflineQueue: true,
    pingInterval: SILENCE_MS / 3,
    // Notices of a hosted Redis; with them the client reads the environment.
    maintNotifications: "disabled",
    socket: {
      connectTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      // A server that was never there is a mistake; one that was comes back.
      reconnectStrategy: (retries, cause) =>
        connected ? Math.min(50 * 2 ** retries, RETRY_MS) : cause,
    },
  });
  client.on("ready", () => connected = true);
  // Whoever asks is told; without a listener the process would end.
  client.on("error", () => {});
  return client;
}

function refused(key: string, fence: number | undefined, newest: readonly string[]): StoreError {
  return fenced(key, fence, { owner: newest[0]!, fence: Number(newest[1]) });
}
