/**
 * A loaded model.
 *
 * @module
 */
import { ensureLibrary } from "../kernels/build.ts";
import { chatEndTokens, ChatTemplate } from "./chat.ts";
import { readJson } from "./checkpoint/read_json.ts";
import {
  type GenerationConfig,
  type ModelConfig,
  parseConfig,
  parseGenerationConfig,
} from "./config.ts";
import { EngineClient } from "./engine_client.ts";
import type {
  ChatMessage,
  ChatOptions,
  GeneratedToken,
  MemoryReport,
  RuntimeOptions,
  SessionOptions,
} from "./options.ts";
import type { ModelSource } from "./protocol.ts";
import { engineOptions } from "./runtime_options.ts";
import { Session } from "./session.ts";
import { Tokenizer } from "./tokenizer.ts";

/** What a runtime is made of. */
interface RuntimeParts {
  readonly name: string;
  readonly config: ModelConfig;
  readonly generation: GenerationConfig | undefined;
  readonly tokenizer: Tokenizer | undefined;
  readonly template: ChatTemplate | undefined;
  readonly engine: EngineClient;
  readonly cacheType: "f32" | "bf16";
  /** Tokens that a session can hold. */
  readonly capacity: number;
}

/** A model in memory and the sessions that run on it. */
export class Runtime implements AsyncDisposable {
  /** The last part of the folder's path. */
  readonly name: string;
  readonly config: ModelConfig;
  /** `undefined` when the folder has no `tokenizer.json`: sessions then take token ids only. */
  readonly tokenizer: Tokenizer | undefined;
  /** The model's own sampling defaults, from `generation_config.json`. */
  readonly generation: GenerationConfig | undefined;
  /** Type of cached keys and values. */
  readonly cacheType: "f32" | "bf16";
  readonly #template: ChatTemplate | undefined;
  readonly #engine: EngineClient;
  readonly #capacity: number;
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  readonly #sessions = new Set<Session>();
  #open = 0;
  #nextSession = 1;
  #closed: Promise<void> | undefined;

  /**
   * Loads a model folder: `config.json`, `*.safetensors` and, for text, `tokenizer.json`.
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
  static async load(folder: string, options: RuntimeOptions = {}): Promise<Runtime> {
    const path = folder.replace(/\/+$/, "");
    const config = parseConfig(readJson(`${path}/config.json`), `${path}/config.json`);
    const generationPath = `${path}/generation_config.json`;
    const generation = readJson(generationPath, { optional: true });
    return await Runtime.#start(
      {
        name: path.split("/").at(-1)!,
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
    parts: Omit<RuntimeParts, "engine" | "cacheType" | "capacity">,
    source: ModelSource,
    options: RuntimeOptions,
  ): Promise<Runtime> {
    const engine = engineOptions(options, parts.config);
    await ensureLibrary();
    const { instructionSet = "auto", threads = 0 } = options;
    const device = { instructionSet, threads };
    const client = await EngineClient.start({ config: parts.config, source, engine, device });
    const { cacheType, attentionBudget: capacity } = engine;
    return new Runtime({ ...parts, engine: client, cacheType, capacity });
  }

  private constructor(parts: RuntimeParts) {
    this.name = parts.name;
    this.config = parts.config;
    this.tokenizer = parts.tokenizer;
    this.generation = parts.generation;
    this.cacheType = parts.cacheType;
    this.#template = parts.template;
    this.#engine = parts.engine;
    this.#capacity = parts.capacity;
  }

  /** Bytes of weights, scratch memory and one session, and how many sessions there are. */
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

  /** Opens a session: an empty state in a slot of its own. */
  async session(options: SessionOptions = {}): Promise<Session> {
    await this.#slot(options);
    const id = this.#nextSession++;
    const { config, memory } = this;
    const session: Session = new Session(id, {
      engine: this.#engine,
      tokenizer: this.tokenizer,
      bytes: memory.session,
      capacity: this.#capacity,
      defaults: {
        sampling: this.generation?.sampling ?? {},
        maxTokens: this.config.maxPositions,
        endTokens: this.endTokens,
        vocabularySize: config.vocabularySize,
      },
      released: () => {
        this.#sessions.delete(session);
        this.#release();
      },
    });
    this.#sessions.add(session);
    return session;
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
    const closed = new Error("The runtime was closed");
    for (const waiting of this.#waiting.splice(0)) waiting.reject(closed);
    await Promise.all([...this.#sessions].map((session) => session.close()));
    await this.#engine.stop();
  }

  /** Takes a free slot, or waits for one in turn. */
  async #slot({ wait = false, signal }: SessionOptions): Promise<void> {
    signal?.throwIfAborted();
    if (this.#closed) throw new Error("The runtime is closed; load the model again");
    const { sessions } = this.memory;
    if (this.#open < sessions) {
      this.#open++;
      return;
    }
    if (!wait) {
      throw new Error(
        `All ${sessions} sessions are in use: close one, or load the model with more sessions`,
      );
    }
    const waiting = Promise.withResolvers<void>();
    const abort = () => {
      const index = this.#waiting.indexOf(waiting);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      waiting.reject(signal!.reason);
    };
    this.#waiting.push(waiting);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await waiting.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Passes a slot on to who waits longest. */
  #release(): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve();
    else this.#open--;
  }
}
