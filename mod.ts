/**
 * Contrail: inference for Jet-Nemotron, whose sessions have a state of fixed size.
 *
 * @example Generate text
 * ```ts
 * import { Runtime } from "./mod.ts";
 *
 * await using runtime = await Runtime.load("models/fable");
 * for await (const token of runtime.chat([{ role: "user", content: "Tell me a story" }])) {
 *   console.log(token.text);
 * }
 * ```
 *
 * @module
 */
export { Runtime } from "./src/runtime.ts";
export { Session } from "./src/session.ts";
export { SessionError, type SessionFailure } from "./src/session_error.ts";
export { MemoryStore } from "./src/store/memory.ts";
export { RedisStore } from "./src/store/redis.ts";
export { SqliteStore } from "./src/store/sqlite.ts";
export { type SnapshotStore, StoreError, type StoreFailure } from "./src/store/store.ts";
export { createServer, type ServerOptions } from "./src/server/app.ts";
export type * from "./src/options.ts";
export type { JetConfig, LayerType, ModelConfig } from "./src/config.ts";
export type { Tokenizer } from "./src/tokenizer.ts";
