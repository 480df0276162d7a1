/**
 * The store that a server is given on the command line.
 *
 * @module
 */
import { MemoryStore } from "../store/memory.ts";
import type { SnapshotStore, StoreOptions } from "../store/store.ts";
import { bytes, present, text } from "./arguments.ts";
import { type CommandArguments, type OptionHelp, UsageError } from "./command.ts";
import { storeName } from "./environment.ts";

/** Most bytes of a store in memory that is given no number. */
const MEMORY_BYTES = 2 ** 30;

/** Options of a command that keeps states outside its sessions. */
export const STORE_OPTIONS: Readonly<Record<string, OptionHelp>> = {
  store: {
    type: "string",
    value: "STORE",
    help: "for sessions, responses and states: memory, sqlite:PATH, redis://HOST:PORT or none " +
      "(default: $CONTRAIL_STORE, or memory)",
  },
  "store-bytes": {
    type: "string",
    value: "BYTES",
    help: "most bytes of the store (default: 1GiB in memory, else any)",
  },
};

/** Opens the store that the arguments name, by default one in memory. The caller disposes it. */
export async function openStore(args: CommandArguments): Promise<SnapshotStore | undefined> {
  const options = present<StoreOptions>({ maxBytes: bytes(args, "store-bytes") });
  const name = text(args, "store") ?? storeName() ?? "memory";
  if (name === "none") {
    if (options.maxBytes === undefined) return undefined;
    throw new UsageError("--store-bytes is given without a store: leave out --store none");
  }
  if (name === "memory") return new MemoryStore({ maxBytes: MEMORY_BYTES, ...options });
  // What the other stores stand on is loaded only where it is used.
  if (name.startsWith("sqlite:") && name.length > "sqlite:".length) {
    const { SqliteStore } = await import("../store/sqlite.ts");
    return new SqliteStore(name.slice("sqlite:".length), options);
  }
  if (/^rediss?:\/\//.test(name)) {
    const { RedisStore } = await import("../store/redis.ts");
    return await RedisStore.open(name, options);
  }
  // What was given is not shown: it may hold a password.
  throw new UsageError("The store is wrong: pass memory, sqlite:PATH, redis://HOST:PORT or none");
}
