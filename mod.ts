/**
 * Contrail: inference for Jet-Nemotron, whose sessions have a state of fixed size.
 *
 * @example Generate text
 * ```ts
 * import { Runtime } from "@contrail/contrail";
 *
 * await using runtime = await Runtime.load("models/fable");
 * await using session = await runtime.session();
 * await session.append("Once upon a time");
 * for await (const token of session.generate({ maxTokens: 32, seed: 7 })) {
 *   console.log(token.text);
 * }
 * ```
 *
 * @example Answer a conversation
 * ```ts
 * import { Runtime } from "@contrail/contrail";
 *
 * await using runtime = await Runtime.load("models/fable");
 * const messages = [{ role: "user", content: "Tell me a story" }];
 * for await (const token of runtime.chat(messages, { maxTokens: 32, seed: 7 })) {
 *   console.log(token.text);
 * }
 * ```
 *
 * @example Keep a session, branch it, and go back
 * ```ts
 * import { Runtime } from "@contrail/contrail";
 *
 * await using runtime = await Runtime.load("models/fable");
 * await using session = await runtime.session();
 * await session.append("Once upon a time there was a fox");
 * const start = session.position;
 * await using branch = await session.fork();
 * await branch.append(" who had");
 * const snapshot = await branch.snapshot();
 * await branch.rewind(start);
 * await using copy = await runtime.restore(snapshot);
 * console.log(branch.position, copy.position, copy.bytes === session.bytes);
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
export type { Backend } from "./kernels/build.ts";
export { createServer, type ServerOptions } from "./src/server/app.ts";
export type * from "./src/options.ts";
export type * from "./src/reports.ts";
export type { TemplateOptions } from "./src/chat.ts";
export type { LogEntry } from "./src/server/operation/log.ts";
export type { GenerationConfig, JetConfig, LayerType, ModelConfig } from "./src/config.ts";
export type { Tokenizer } from "./src/tokenizer.ts";
