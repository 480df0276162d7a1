/**
 * A loaded model.
 *
 * @module
 */
import { ensureLibrary } from "../kernels/build.ts";
import { chatEndTokens, ChatTemplate, type TemplateOptions } from "./chat.ts";
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
  RuntimeOptions,
  SessionEntry,
  SessionOptions,
} from "./options.ts";
import type { Activity, BackendReport, MemoryReport, OperatorTime } from "./reports.ts";
import type { EngineOptions, ModelSource } from "./protocol.ts";
import { deviceOptions, engineOptions, waitOptions } from "./runtime_options.ts";
import type { Session } from "./session.ts";
import { type OpenerParts, SessionOpener } from "./session_opener.ts";
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
  readonly settings: EngineOptions;
  readonly opening: Pick<OpenerParts, "store" | "leaseTime" | "queue">;
}

/** A model in memory and the sessions that run on it. */
export class Runtime implements AsyncDisposable {
  /** The last part of the folder's path, or of "org/name". */
  readonly name: string;
  /** The model's shape. */
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
    const { config } = parts;
    const settings = engineOptions(options, config);
    const opening = { ...waitOptions(options), store: options.store };
    const device = deviceOptions(options);
    await ensureLibrary(device.backend);
    const engine = await EngineClient.start(
      { config, source, engine: settings, device },
      options.progress,
    );
    return new Runtime({ ...parts, engine, settings, opening });
  }

  private constructor(parts: RuntimeParts) {
    this.name = parts.name;
    this.config = parts.config;
    this.tokenizer = parts.tokenizer;
    this.generation = parts.generation;
    this.cacheType = parts.settings.cacheType;
    this.stateType = parts.settings.stateType;
    this.#template = parts.template;
    this.#engine = parts.engine;
    this.attentionBudget = parts.settings.attentionBudget;
    this.attentionRead = parts.settings.attentionRead;
    const { cacheType, stateType, attentionRead, weightsType } = this;
    const { fingerprint } = this.#engine.ready;
    this.#sessions = new SessionOpener({
      engine: this.#engine,
      ...parts.opening,
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

  /** What the runtime has to do now, and what it has done. */
  get activity(): Activity {
    const { work, failure } = this.#engine;
    return { ...this.#sessions.load, work, failure };
  }

  /** What the model runs on. */
  get backend(): BackendReport {
    return this.#engine.ready.backend;
  }

  /** Type of the weights in memory. */
  get weightsType(): "f32" | "bf16" | "q8" | "q4" | "mixed" {
    return this.#engine.ready.weightsType;
  }

  /** The file that the weights are mapped from, where `cache` found one. */
  get weightsFile(): string | undefined {
    return this.#engine.ready.weightsFile;
  }

  /** Time by operator, once the runtime is closed, where `profile` asked for it. */
  get profile(): readonly OperatorTime[] | undefined {
    return this.#engine.profile;
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

  /** The text of a conversation, by default up to where the model's answer begins. */
  chatText(messages: readonly ChatMessage[], options: TemplateOptions = {}): string {
    if (this.#template) return this.#template.render(messages, options);
    throw new TypeError(`Cannot chat: "${this.name}" has no chat template; use sessions instead`);
  }

  /** Token ids of what {@linkcode Runtime.chatText} gives. */
  chatTokens(messages: readonly ChatMessage[], options: TemplateOptions = {}): number[] {
    if (this.tokenizer) return this.tokenizer.encode(this.chatText(messages, options));
    throw new TypeError(`Cannot chat: "${this.name}" has no tokenizer.json; use sessions instead`);
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
    return this.#closed ??= this.#sessions.close().then(() => this.#engine.stop());
  }

  /** As {@linkcode Runtime.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
