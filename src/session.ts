/**
 * One conversation with a model: text or tokens go in, tokens come out, and its state stays.
 *
 * @module
 */
import { Detokenizer } from "./detokenizer.ts";
import { type GenerateDefaults, generateRequest, stopTexts } from "./generate_request.ts";
import { withText } from "./generated_token.ts";
import type {
  AppendOptions,
  GeneratedToken,
  GenerateOptions,
  Reuse,
  SessionOptions,
} from "./options.ts";
import type { GenerateRequest } from "./protocol.ts";
import { bufferOf, type Opening, type SessionLink } from "./session_link.ts";
import type { ParkedStates, PromptStates } from "./stored_states.ts";
import { tokenIds } from "./token_ids.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What a session needs of its runtime. */
export interface SessionContext {
  readonly tokenizer: Tokenizer | undefined;
  readonly defaults: GenerateDefaults;
  readonly bytes: number;
  /** Takes a slot and opens a session of the engine in it. */
  readonly open: (opening: Opening, options?: SessionOptions) => Promise<SessionLink>;
  /** Makes a session of a link, in this context. */
  readonly adopt: (link: SessionLink) => Session;
  /** Where snapshots go when the session is parked. */
  readonly parking: ParkedStates | undefined;
  /** Snapshots of earlier prompts, on other runtimes and before this one started. */
  readonly prompts: PromptStates | undefined;
  /** Called when the session has nothing more to do for now. */
  readonly rested: () => void;
  /** Called once the session is closed for good. */
  readonly ended: (session: Session) => void;
}

/** A session that does something, with its link. Disposing it says that it is done. */
interface Turn extends Disposable {
  readonly link: SessionLink;
}

/**
 * An open session. Its memory was allocated when the model was loaded and never grows; it does one
 * thing at a time. Made by `Runtime.session`, `Runtime.restore` and {@linkcode Session.fork}.
 */
export class Session implements AsyncDisposable {
  readonly #context: SessionContext;
  /** `undefined` while the session is parked. */
  #link: SessionLink | undefined;
  #parkedAs: string | undefined;
  #position: number;
  #inexactFrom: number | undefined;
  #reuse: Reuse = { tokens: 0 };
  #usedAt = performance.now();
  #busy = false;
  /** Settles when the session, which is on its way to the store, is there. */
  #parking: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** Use `Runtime.session`. */
  constructor(link: SessionLink, context: SessionContext) {
    this.#link = link;
    this.#context = context;
    this.#position = link.position;
    this.#inexactFrom = link.inexactFrom;
  }

  /** Tokens that the session holds. */
  get position(): number {
    return this.#link?.position ?? this.#position;
  }

  /**
   * Whether every token so far was computed with full attention over all tokens before it. A
   * session that outgrows its attention budget is no longer exact, and stays so.
   */
  get exact(): boolean {
    return this.inexactFrom === undefined;
  }

  /** Position at which the session ceased to be exact, if it has. */
  get inexactFrom(): number | undefined {
    return this.#link ? this.#link.inexactFrom : this.#inexactFrom;
  }

  /** What of the last append was not computed, as a state was kept that its tokens begin with. */
  get reuse(): Reuse {
    return this.#reuse;
  }

  /** Bytes of the session's state, the same from its first token to its last. */
  get bytes(): number {
    return this.#context.bytes;
  }

  /** When the session was last used, in milliseconds, if it could be parked now. */
  get idleSince(): number | undefined {
    const isIdle = this.#link && !this.#busy && !this.#parking && !this.#closing;
    return isIdle ? this.#usedAt : undefined;
  }

  /** Whether the session has no slot: its state is in the runtime's store until it is used. */
  get parked(): boolean {
    return this.#parkedAs !== undefined;
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
    const { tokenizer, defaults, prompts } = this.#context;
    const tokens = tokenIds(input, tokenizer, defaults.vocabularySize);
    using turn = await this.#begin(signal);
    const { link } = turn;
    const stored = logits === "all" ? undefined : await prompts?.find(link, tokens);
    const prefix = stored?.bytes && bufferOf(stored.bytes);
    const ids = bufferOf(tokens);
    link.send({ type: "append", tokens: ids, logits, ...(prefix ? { prefix } : {}) });
    using _abort = link.cancelOn(signal);
    const { logits: given, reuse } = await link.expect("appended", signal);
    const why = stored?.fault ?? reuse.why;
    this.#reuse = { tokens: reuse.tokens, ...(why === undefined ? {} : { why }) };
    return given;
  }

  /**
   * All that the session is, as bytes: `Runtime.restore` makes a session of them that goes on as
   * this one would. `docs/snapshot.md` describes the format.
   */
  async snapshot(): Promise<Uint8Array<ArrayBuffer>> {
    using turn = await this.#begin();
    return (await turn.link.snapshot()).bytes;
  }

  /** Another session that goes on from here. It takes a slot; nothing is computed. */
  async fork(): Promise<Session> {
    using turn = await this.#begin();
    const { open, adopt } = this.#context;
    return adopt(await open({ type: "fork", from: turn.link.id }));
  }

  /**
   * Goes back to where the session held `position` tokens. The nearest state before that was kept
   * is taken, and what lies between is computed anew.
   *
   * @throws {Error} No state was kept so early, or the tokens after it are no longer known.
   */
  async rewind(position: number): Promise<void> {
    const { position: now } = this;
    if (!Number.isInteger(position) || position < 0 || position > now) {
      throw new RangeError(`position is ${position}: pass a whole number from 0 to ${now}`);
    }
    using turn = await this.#begin();
    if (position === now) return;
    turn.link.send({ type: "rewind", position });
    await turn.link.expect("appended");
  }

  /**
   * Moves the session's state into the runtime's store and frees its slot. The next use takes a
   * slot again and brings the state back.
   */
  async park(): Promise<void> {
    const { parking } = this.#context;
    if (!parking) throw new TypeError("Cannot park: the runtime was loaded without a store");
    this.#expectIdle();
    if (!this.#link) return;
    this.#parking ??= this.#park(this.#link, parking).finally(() => this.#parking = undefined);
    await this.#parking;
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
  close(): Promise<void> {
    this.#closing ??= this.#close(this.#busy);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#generate(
    request: GenerateRequest,
    detokenizer: Detokenizer | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<GeneratedToken, void, void> {
    using turn = await this.#begin(signal);
    const { link } = turn;
    link.send({ type: "generate", ...request });
    using _abort = link.cancelOn(signal);
    let running = true;
    let unread = request.credit;
    try {
      while (running) {
        running = false;
        const event = await link.expect("token", signal);
        running = event.finishReason === undefined;
        const token = withText(event, detokenizer);
        yield token;
        if (token.finishReason) break;
        if (--unread > request.credit / 2) continue;
        link.send({ type: "credit", tokens: request.credit - unread });
        unread = request.credit;
      }
    } finally {
      if (running && !link.closing) await link.cancel();
    }
  }

  #expectIdle(): void {
    if (this.#closing) throw new Error("The session is closed; open a new one");
    if (!this.#busy) return;
    throw new Error("The session is busy; wait for its append or generate to end");
  }

  /** Claims the session for one thing to do, and brings it back when it is parked. */
  async #begin(signal?: AbortSignal): Promise<Turn> {
    signal?.throwIfAborted();
    this.#expectIdle();
    this.#busy = true;
    const done = () => {
      this.#usedAt = performance.now();
      this.#busy = false;
      this.#context.rested();
    };
    try {
      // Whether that fails or not, there is a link or a key then.
      await this.#parking?.catch(() => {});
      const link = this.#link ?? await this.#unpark(signal);
      return { link, [Symbol.dispose]: done };
    } catch (error) {
      done();
      throw error;
    }
  }

  async #park(link: SessionLink, parking: ParkedStates): Promise<void> {
    const { bytes } = await link.snapshot();
    this.#parkedAs = await parking.put(bytes);
    this.#position = link.position;
    this.#inexactFrom = link.inexactFrom;
    this.#link = undefined;
    await link.close();
  }

  async #unpark(signal: AbortSignal | undefined): Promise<SessionLink> {
    const { parking, open } = this.#context;
    const key = this.#parkedAs!;
    const bytes = await parking!.get(key);
    const link = await open({ type: "restore", bytes: bufferOf(bytes) }, {
      wait: true,
      ...(signal && { signal }),
    });
    if (this.#closing) {
      await link.close();
      throw new Error("The session was closed");
    }
    this.#link = link;
    this.#parkedAs = undefined;
    await parking!.delete(key);
    return link;
  }

  async #close(wasBusy: boolean): Promise<void> {
    const { parking, prompts, ended } = this.#context;
    ended(this);
    await this.#parking?.catch(() => {});
    const link = this.#link;
    // What cannot be kept for later prompts is computed again then.
    if (link && !wasBusy && !link.closing) await prompts?.put(link).catch(() => {});
    await link?.close();
    if (this.#parkedAs !== undefined) await parking!.delete(this.#parkedAs);
  }
}
