/**
 * A loaded model.
 *
 * @module
 */
import { type Backend, ensureLibrary } from "../kernels/build.ts";
import { chatEndTokens, ChatTemplate } from "./chat.ts";
import { readJson } from "./checkpoint/read_json.ts";
import {
  type GenerationConfig,
  type ModelConfig,
  parseConfig,
  parseGenerationConfig,
} from "./config.ts";
import { EngineClient } from "./engine_client.ts";
import { modelFolder } from "./hub/cache.ts";
import type {
  ChatMessage,
  ChatOptions,
  ForkOptions,
  GeneratedToken,
  MemoryReport,
  RuntimeOptions,
  SessionEntry,
  SessionOptions,
} from "./options.ts";
import type { ModelSource } from "./protocol.ts";
import { engineOptions, leaseTime } from "./runtime_options.ts";
import type { Session } from "./session.ts";
import { SessionOpener } from "./session_opener.ts";
import type { SnapshotStore } from "./store/store.ts";
import { Tokenizer } from "./tokenizer.ts";

/** Tokens of a generation that has no other limit. */
const MOST_TOKENS = 2 ** 31;

/** What a runtime is made of. */
interface RuntimeParts {
  readonly name: string;
  readonly config: ModelConfig;
  readonly generation: GenerationConfig | undefined;
  readonly tokenizer: Tokenizer | undefined;
  readonly template: ChatTemplate | undefined;
  readonly engine: EngineClient;
  readonly cacheType: "f32" | "bf16";
  readonly stateType: "f32" | "bf16";
  readonly attentionBudget: number;
  readonly attentionRead: number;
  readonly store: SnapshotStore | undefined;
  readonly leaseTime: number;
}

/** A model in memory and the sessions that run on it. */
export class Runtime implements AsyncDisposable {
  /** The last part of the folder's path, or of "org/name". */
  readonly name: string;
  readonly config: ModelConfig;
  /** `undefined` when the folder has no `tokenizer.json`: sessions then take token ids only. */
  readonly tokenizer: Tokenizer | undefined;
  /** The model's own sampling defaults, from `generation_config.json`. */
  readonly generation: GenerationConfig | undefined;
  /** Type of cached keys and values. */
  readonly cacheType: "f32" | "bf16";
  /** Type of the recurrent states. */
  readonly stateType: "f32" | "bf16";
  /** Tokens that full attention holds for a session, at most. */
  readonly attentionBudget: number;
  /** Tokens that full attention reads of those, at most; Infinity reads all. */
  readonly attentionRead: number;
  readonly #template: ChatTemplate | undefined;
  readonly #engine: EngineClient;
  readonly #sessions: SessionOpener;
  #closed: Promise<void> | undefined;

  /**
   * Loads a model folder: `config.json`, `*.safetensors` and, for text, `tokenizer.json`. Where
   * `model` is no folder but has the form "org/name", it is what `contrail pull org/name`
   * downloaded.
   *
   * @example
   * ```ts
   * import { Runtime } from "./mod.ts";
   *
   * await using runtime = await Runtime.load("models/fable");
   * await using session = await runtime.session();
   * await session.append("Once upon a time");
   * for await (const token of session.generate({ maxTokens: 32, seed: 7 })) {
   *   console.log(token.text);
   * }
   * ```
   */
  static async load(model: string, options: RuntimeOptions = {}): Promise<Runtime> {
    const path = modelFolder(model, options.cacheFolder);
    const config = parseConfig(readJson(`${path}/config.json`), `${path}/config.json`);
    const generationPath = `${path}/generation_config.json`;
    const generation = readJson(generationPath, { optional: true });
    return await Runtime.#start(
      {
        name: model.replace(/\/+$/, "").split("/").at(-1)!,
        config,
        generation: generation === undefined
          ? undefined
          : parseGenerationConfig(generation, generationPath),
        tokenizer: await Tokenizer.load(path),
        template: await ChatTemplate.load(path),
      },
      { kind: "checkpoint", folder: path },
      options,
    );
  }

  /**
   * Makes a model of the shape of `configPath` with random weights, to measure speed and memory
   * with.
   */
  static async random(
    configPath: string,
    options: RuntimeOptions & { seed?: number } = {},
  ): Promise<Runtime> {
    return await Runtime.#start(
      {
        name: configPath.split("/").at(-1)!.replace(/\.json$/, ""),
        config: parseConfig(readJson(configPath), configPath),
        generation: undefined,
        tokenizer: undefined,
        template: undefined,
      },
      { kind: "random", seed: options.seed ?? 1 },
      options,
    );
  }

  static async #start(
    parts: Pick<RuntimeParts, "name" | "config" | "generation" | "tokenizer" | "template">,
    source: ModelSource,
    options: RuntimeOptions,
  ): Promise<Runtime> {
    const engine = engineOptions(options, parts.config);
    const lease = { leaseTime: leaseTime(options) };
    const { instructionSet = "auto", threads = 0, device: name = "auto" } = options;
    const backend: Backend = name === "auto" ? "cpu" : name;
    await ensureLibrary(backend);
    const device = { backend, instructionSet, threads };
    const client = await EngineClient.start({ config: parts.config, source, engine, device });
    const { cacheType, stateType, attentionBudget, attentionRead } = engine;
    const { store } = options;
    const settings = { cacheType, stateType, attentionBudget, attentionRead, store, ...lease };
    return new Runtime({ ...parts, engine: client, ...settings });
  }

  private constructor(parts: RuntimeParts) {
    this.name = parts.name;
    this.config = parts.config;
    this.tokenizer = parts.tokenizer;
    this.generation = parts.generation;
    this.cacheType = parts.cacheType;
    this.stateType = parts.stateType;
    this.#template = parts.template;
    this.#engine = parts.engine;
    this.attentionBudget = parts.attentionBudget;
    this.attentionRead = parts.attentionRead;
    const { cacheType, stateType, attentionRead, weightsType } = this;
    const { fingerprint } = this.#engine.ready;
    this.#sessions = new SessionOpener({
      engine: this.#engine,
      store: parts.store,
      leaseTime: parts.leaseTime,
      kind: { fingerprint, weightsType, stateType, cacheType, attentionRead },
      attentionBudget: this.attentionBudget,
      tokenizer: this.tokenizer,
      defaults: {
        sampling: this.generation?.sampling ?? {},
        maxTokens: MOST_TOKENS,
        endTokens: this.endTokens,
        vocabularySize: this.config.vocabularySize,
      },
    });
  }

  /** Bytes of weights, scratch memory, one session and kept states, and how many sessions. */
  get memory(): MemoryReport {
    return this.#engine.ready.memory;
  }

  /** The library, instruction set and threads that the model runs on. */
  get backend(): { library: string; instructionSet: string; threads: number } {
    return this.#engine.ready.backend;
  }

  /** Type of the weights in memory. */
  get weightsType(): "f32" | "bf16" | "q8" | "q4" | "mixed" {
    return this.#engine.ready.weightsType;
  }

  /**
   * Opens a session in a slot of its own: the one that the runtime's store has under `id`, or an
   * empty one.
   *
   * @throws {SessionError} The session is in use elsewhere, or `exists` is not as it should be.
   */
  session(options: SessionOptions = {}): Promise<Session> {
    return this.#sessions.open(options);
  }

  /**
   * Opens a session with the state of a snapshot, which goes on as the one that it was made of, its
   * attention budget included.
   *
   * @throws {SessionError} The bytes are no snapshot of a session of this model, or damaged, or the
   * store has a session of this id already.
   */
  restore(bytes: Uint8Array, options: ForkOptions = {}): Promise<Session> {
    return this.#sessions.restore(bytes, options);
  }

  /** Whether sessions can have names: the runtime has a store. */
  get keepsSessions(): boolean {
    return this.#sessions.keeps;
  }

  /** The sessions that have a name: those that are open here, and those in the store. */
  namedSessions(): AsyncGenerator<SessionEntry> {
    return this.#sessions.list();
  }

  /**
   * The snapshot of a session at the end of its last turn, wherever it is open.
   *
   * @throws {SessionError} The store has no session of this id.
   */
  storedSession(id: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#sessions.stored(id);
  }

  /**
   * Takes a session that is open nowhere out of the store.
   *
   * @throws {SessionError} It is in use, or not there.
   */
  deleteSession(id: string): Promise<void> {
    return this.#sessions.delete(id);
  }

  /**
   * Token ids that end a generation: those of the configuration, and the chat template's end of a
   * turn.
   */
  get endTokens(): readonly number[] {
    const configured = [...this.config.endTokens, ...this.generation?.endTokens ?? []];
    return this.tokenizer ? chatEndTokens(this.tokenizer, configured) : [...new Set(configured)];
  }

  /** Token ids of a conversation, up to where the model's answer begins. */
  chatTokens(
    messages: readonly ChatMessage[],
    options: { tools?: readonly unknown[] } = {},
  ): number[] {
    if (!this.tokenizer || !this.#template) {
      const missing = this.tokenizer ? "chat template" : "tokenizer.json";
      throw new TypeError(`Cannot chat: "${this.name}" has no ${missing}; use sessions instead`);
    }
    return this.tokenizer.encode(this.#template.render(messages, options));
  }

  /** Answers a conversation in a session of its own. */
  async *chat(
    messages: readonly ChatMessage[],
    options: ChatOptions = {},
  ): AsyncGenerator<GeneratedToken, void, void> {
    const { tools, wait = true, ...generate } = options;
    const tokens = this.chatTokens(messages, tools ? { tools } : {});
    const signal = generate.signal ? { signal: generate.signal } : {};
    await using session = await this.session({ wait, ...signal });
    await session.append(tokens, { logits: "none", ...signal });
    yield* session.generate(generate);
  }

  /** Ends all sessions and frees the model. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#sessions.close();
    await this.#engine.stop();
  }
}
