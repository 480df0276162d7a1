/**
 * One conversation with a model: text or tokens go in, tokens come out, and its state stays.
 *
 * @module
 */
import { Detokenizer } from "./detokenizer.ts";
import type { EngineClient } from "./engine_client.ts";
import { withText } from "./generated_token.ts";
import { type GenerateDefaults, generateRequest, stopTexts } from "./generate_request.ts";
import type { AppendOptions, GeneratedToken, GenerateOptions, Reuse } from "./options.ts";
import type { EngineEvent } from "./protocol.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What a session needs of its runtime. */
export interface SessionContext {
  readonly engine: EngineClient;
  readonly tokenizer: Tokenizer | undefined;
  readonly defaults: GenerateDefaults;
  readonly bytes: number;
  /** Opens another session with the state of this one. */
  readonly fork: (from: number) => Promise<Session>;
  /** Called once the session's slot is free. */
  readonly released: () => void;
}

/** How a session begins. */
export type Opening =
  | { readonly type: "open"; readonly attentionBudget: number }
  | { readonly type: "restore"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "fork"; readonly from: number };

/**
 * An open session. Its memory was allocated when the model was loaded and never grows; it does one
 * thing at a time. Made by `Runtime.session`.
 */
export class Session implements AsyncDisposable {
  readonly #id: number;
  readonly #context: SessionContext;
  readonly #events: EngineEvent[] = [];
  readonly #closed = Promise.withResolvers<void>();
  #arrival = Promise.withResolvers<void>();
  #position = 0;
  #inexactFrom: number | undefined;
  #reuse: Reuse = { tokens: 0 };
  #busy = false;
  #closing = false;

  /** Use `Runtime.session`, `Runtime.restore` or {@linkcode Session.fork}. */
  static async open(id: number, context: SessionContext, opening: Opening): Promise<Session> {
    const session = new Session(id, context);
    context.engine.send({ session: id, ...opening });
    const event = await session.#next();
    if (event.type !== "opened") throw new Error(`Expected a session, got "${event.type}"`);
    return session;
  }

  private constructor(id: number, context: SessionContext) {
    this.#id = id;
    this.#context = context;
    context.engine.subscribe(id, (event) => this.#receive(event));
  }

  /** Tokens that the session holds. */
  get position(): number {
    return this.#position;
  }

  /**
   * Whether every token so far was computed with full attention over all tokens before it. A session
   * that outgrows its attention budget is no longer exact, and stays so.
   */
  get exact(): boolean {
    return this.#inexactFrom === undefined;
  }

  /** Position at which the session ceased to be exact, if it has. */
  get inexactFrom(): number | undefined {
    return this.#inexactFrom;
  }

  /** What of the last append was not computed, as a state was kept that its tokens begin with. */
  get reuse(): Reuse {
    return this.#reuse;
  }

  /** Bytes of the session's state, the same from its first token to its last. */
  get bytes(): number {
    return this.#context.bytes;
  }

  /**
   * Appends text or token ids. Returns the logits of the last token as a `Float32Array[vocabulary]`
   * (the default), of all appended tokens as `[tokens × vocabulary]`, or nothing. An empty append
   * gives the logits of the last token again.
   */
  async append(
    input: string | readonly number[] | Int32Array,
    options: AppendOptions = {},
  ): Promise<Float32Array | undefined> {
    const { logits = "last", signal } = options;
    if (!["last", "all", "none"].includes(logits)) {
      throw new TypeError(`logits is "${logits}": pass "last", "all" or "none"`);
    }
    const tokens = this.#tokens(input);
    using _busy = this.#start(signal);
    this.#context.engine.send({ type: "append", session: this.#id, tokens, logits });
    using _abort = this.#cancelOn(signal);
    const event = await this.#next();
    if (event.type === "appended") {
      this.#reuse = event.reuse;
      return event.logits;
    }
    signal?.throwIfAborted();
    throw new Error(`Expected the end of an append, got "${event.type}"`);
  }

  /**
   * All that the session is, as bytes: `Runtime.restore` makes a session of them that goes on as this
   * one would. `docs/snapshot.md` describes the format.
   */
  async snapshot(): Promise<Uint8Array<ArrayBuffer>> {
    using _busy = this.#start(undefined);
    this.#context.engine.send({ type: "snapshot", session: this.#id });
    const event = await this.#next();
    if (event.type === "snapshot") return event.bytes;
    throw new Error(`Expected a snapshot, got "${event.type}"`);
  }

  /** Another session that goes on from here. It takes a slot; nothing is computed. */
  async fork(): Promise<Session> {
    using _busy = this.#start(undefined);
    return await this.#context.fork(this.#id);
  }

  /**
   * Goes back to where the session held `position` tokens. The nearest state before that was kept is
   * taken, and what lies between is computed anew.
   *
   * @throws {Error} No state was kept so early, or the tokens after it are no longer known.
   */
  async rewind(position: number): Promise<void> {
    if (!Number.isInteger(position) || position < 0 || position > this.#position) {
      throw new RangeError(
        `position is ${position}: pass a whole number from 0 to ${this.#position}`,
      );
    }
    using _busy = this.#start(undefined);
    if (position === this.#position) return;
    this.#context.engine.send({ type: "rewind", session: this.#id, position });
    const event = await this.#next();
    if (event.type !== "appended") throw new Error(`Expected to go back, got "${event.type}"`);
  }

  /**
   * Generates tokens after those that the session holds. Every generated token becomes part of the
   * session. Leaving the loop ends the generation; see `lookahead` for what the session then holds.
   */
  generate(options: GenerateOptions = {}): AsyncGenerator<GeneratedToken, void, void> {
    const request = generateRequest(options, this.#context.defaults);
    const stop = stopTexts(options);
    const { tokenizer } = this.#context;
    if (stop.length > 0 && !tokenizer) {
      throw new TypeError("stop needs a tokenizer, and this model has none: use stopIds");
    }
    const detokenizer = tokenizer && new Detokenizer(tokenizer, stop);
    return this.#generate(request, detokenizer, options.signal);
  }

  /** Ends what the session does and frees its slot. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#context.engine.send({ type: "close", session: this.#id });
    }
    await this.#closed.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#generate(
    request: ReturnType<typeof generateRequest>,
    detokenizer: Detokenizer | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<GeneratedToken, void, void> {
    using _busy = this.#start(signal);
    const { engine } = this.#context;
    engine.send({ type: "generate", session: this.#id, ...request });
    using _abort = this.#cancelOn(signal);
    let running = true;
    try {
      while (running) {
        const event = await this.#next().catch((error) => {
          running = false;
          throw error;
        });
        if (event.type !== "token") {
          running = false;
          signal?.throwIfAborted();
          throw new Error(`Expected a token, got "${event.type}"`);
        }
        running = event.finishReason === undefined;
        const token = withText(event, detokenizer);
        yield token;
        if (token.finishReason) break;
        engine.send({ type: "credit", session: this.#id, tokens: 1 });
      }
    } finally {
      if (running && !this.#closing) await this.#cancel();
    }
  }

  /** Ends a running generation and waits until the engine has heard it. */
  async #cancel(): Promise<void> {
    this.#context.engine.send({ type: "cancel", session: this.#id });
    for (;;) {
      const event = await this.#next();
      if (event.type !== "token" || event.finishReason) return;
    }
  }

  #tokens(input: string | readonly number[] | Int32Array): Int32Array {
    const { tokenizer, defaults } = this.#context;
    if (typeof input === "string") {
      if (!tokenizer) throw new TypeError("This model has no tokenizer.json: pass token ids");
      return Int32Array.from(tokenizer.encode(input));
    }
    for (const id of input) {
      if (!Number.isInteger(id) || id < 0 || id >= defaults.vocabularySize) {
        throw new RangeError(
          `Token id ${id} is not in the vocabulary: pass whole numbers from 0 to ` +
            `${defaults.vocabularySize - 1}`,
        );
      }
    }
    return Int32Array.from(input);
  }

  /** Claims the session for one append or generation. */
  #start(signal: AbortSignal | undefined): Disposable {
    signal?.throwIfAborted();
    if (this.#closing) throw new Error("The session is closed; open a new one");
    if (this.#busy) {
      throw new Error("The session is busy; wait for its append or generate to end");
    }
    this.#busy = true;
    return { [Symbol.dispose]: () => this.#busy = false };
  }

  #cancelOn(signal: AbortSignal | undefined): Disposable {
    const cancel = () => {
      if (!this.#closing) this.#context.engine.send({ type: "cancel", session: this.#id });
    };
    signal?.addEventListener("abort", cancel, { once: true });
    return { [Symbol.dispose]: () => signal?.removeEventListener("abort", cancel) };
  }

  #receive(event: EngineEvent): void {
    if (event.type === "closed") {
      this.#closing = true;
      this.#closed.resolve();
      this.#context.released();
    } else {
      this.#position = event.position;
      this.#inexactFrom = event.inexactFrom;
    }
    this.#events.push(event);
    this.#arrival.resolve();
  }

  /** The next event of the session. Throws when it failed or was closed. */
  async #next(): Promise<EngineEvent> {
    while (this.#events.length === 0) {
      await this.#arrival.promise;
      this.#arrival = Promise.withResolvers<void>();
    }
    const event = this.#events.shift()!;
    if (event.type === "failed") throw new Error(event.message);
    if (event.type === "closed") throw new Error("The session was closed");
    return event;
  }
}
