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
export { Grammar } from "./src/grammar/grammar.ts";
export { Session } from "./src/session.ts";
export { SessionError, type SessionFailure } from "./src/session_error.ts";
export { MemoryStore } from "./src/store/memory.ts";
export { RedisStore } from "./src/store/redis.ts";
export { SqliteStore } from "./src/store/sqlite.ts";
export {
  type Lease,
  type PutOptions,
  type SnapshotStore,
  type StoreEntry,
  StoreError,
  type StoreFailure,
  type WriteOptions,
} from "./src/store/store.ts";
export { createServer, type ServerOptions } from "./src/server/app.ts";
export type * from "./src/options.ts";
export type { TemplateOptions } from "./src/chat.ts";
export type { LogEntry } from "./src/server/operation/log.ts";
export type { GenerationConfig, JetConfig, LayerType, ModelConfig } from "./src/config.ts";
export type { Tokenizer } from "./src/tokenizer.ts";
