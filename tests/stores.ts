/**
 * The stores, each on something of its own that is gone after the test.
 *
 * @module
 */
import { MemoryStore } from "../src/store/memory.ts";
import { RedisStore } from "../src/store/redis.ts";
import { SqliteStore } from "../src/store/sqlite.ts";
import type { Lease, SnapshotStore, StoreOptions } from "../src/store/store.ts";

/** What stores of one kind stand on. Disposing removes it; its stores are closed before. */
export interface Ground extends AsyncDisposable {
  open(options?: StoreOptions): Promise<SnapshotStore>;
}

/** One kind of store. */
export interface StoreKind {
  readonly name: string;
  /** Whether two stores can stand on the same ground. */
  readonly shared: boolean;
  /** Whether this machine lacks what it needs. */
  readonly missing: boolean;
  start(): Promise<Ground>;
}

/** All kinds of stores. */
export const STORE_KINDS: readonly StoreKind[] = [
  { name: "MemoryStore", shared: false, missing: false, start: startMemory },
  { name: "SqliteStore", shared: true, missing: false, start: startFolder },
  { name: "RedisStore", shared: true, missing: lacksRedis(), start: () => RedisServer.start() },
];

/** Whether this machine has no Redis server to start. */
export function lacksRedis(): boolean {
  try {
    return !new Deno.Command("redis-server", { args: ["--version"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

/** The keys of a store that begin with a prefix, the least recently used first. */
export async function keysOf(store: SnapshotStore, prefix?: string): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);
}

/** A folder that is gone when it is disposed. */
export class Folder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync({ prefix: "contrail-" });

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** A Redis server that keeps nothing on disk, on a free port of this machine. */
export class RedisServer implements Ground {
  readonly #folder = new Folder();
  readonly port: number;
  #process: Deno.ChildProcess | undefined;

  private constructor() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = (listener.addr as Deno.NetAddr).port;
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer();
    await server.run();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  open(options: StoreOptions = {}): Promise<RedisStore> {
    return RedisStore.open(this.url, options);
  }

  /** Starts the server, also again, and waits until it can be asked. */
  async run(): Promise<void> {
    this.#process = new Deno.Command("redis-server", {
      args: ["--port", `${this.port}`, "--bind", "127.0.0.1", "--save", ""],
      cwd: this.#folder.path,
      stdout: "piped",
    }).spawn();
    const lines: string[] = [];
    const output = this.#process.stdout.pipeThrough(new TextDecoderStream());
    for await (const text of output.values({ preventCancel: true })) {
      lines.push(text);
      if (lines.join("").includes("Ready to accept connections")) break;
    }
    await output.cancel();
    if (!lines.join("").includes("Ready")) throw new Error(`No Redis server:\n${lines.join("")}`);
  }

  /** Ends the server with all that it holds. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.status;
    this.#process = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#folder[Symbol.asyncDispose]();
  }
}

function startMemory(): Promise<Ground> {
  return Promise.resolve({
    open: (options) => Promise.try(() => new MemoryStore(options)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

function startFolder(): Promise<Ground> {
  const folder = new Folder();
  return Promise.resolve({
    open: (options) => Promise.try(() => new SqliteStore(`${folder.path}/store.db`, options)),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  });
}

/**
 * Starts `code` as a program of its own, which has the stores at hand and no permissions but these.
 */
export async function program(
  folder: Folder,
  code: string,
  permissions: readonly string[],
): Promise<Deno.ChildProcess> {
  const path = `${folder.path}/program.ts`;
  const source = (name: string) => new URL(`../src/store/${name}.ts`, import.meta.url).href;
  const imports = [
    `import { RedisStore } from "${source("redis")}";`,
    `import { SqliteStore } from "${source("sqlite")}";`,
  ];
  await Deno.writeTextFile(path, [...imports, code].join("\n"));
  const config = decodeURIComponent(new URL("../deno.json", import.meta.url).pathname);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-lock", "--config", config, ...permissions, path],
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}

/** What a program prints; throws what it says when it fails. */
export async function printed(process: Deno.ChildProcess): Promise<string> {
  const { success, stdout, stderr } = await process.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** Waits for a lease that ends by itself. */
export async function leaseAfterExpiry(
  store: SnapshotStore,
  key: string,
  owner: string,
): Promise<Lease> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const lease = await store.lease(key, owner, 60_000);
    if (lease) return lease;
    await delay(2);
  }
  throw new Error(`The lease of ${key} does not expire`);
}

/** Waits. */
export function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
