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
  ForkOptions,
  GeneratedToken,
  GenerateOptions,
  Reuse,
} from "./options.ts";
import type { Matchers } from "./grammar/matchers.ts";
import type { GenerateRequest } from "./protocol.ts";
import {
  type LifecycleContext,
  type OpenedSession,
  SessionLifecycle,
} from "./session_lifecycle.ts";
import { bufferOf, type SessionLink } from "./session_link.ts";
import { tokenIds } from "./token_ids.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What a session needs of its runtime. */
export interface SessionContext extends LifecycleContext {
  readonly tokenizer: Tokenizer | undefined;
  readonly defaults: GenerateDefaults;
  readonly bytes: number;
  /** What holds generations to grammars; there is a tokenizer. */
  readonly matchers: Matchers;
  /** Opens a session with the state of another. */
  readonly fork: (link: SessionLink, options: ForkOptions) => Promise<Session>;
  /** Called once the session is closed for good. */
  readonly ended: (session: Session) => void;
}

/** A prompt of so many tokens takes much longer to compute than to store. */
const WORTH_STORING = 64;

/**
 * An open session. Its memory was allocated when the model was loaded and never grows; it does one
 * thing at a time. Made by `Runtime.session`, `Runtime.restore` and {@linkcode Session.fork}.
 *
 * One that was opened with an `id` is saved to the runtime's store after every turn, once the
 * turn's result is delivered; its next turn waits for that.
 */
export class Session implements AsyncDisposable {
  readonly #context: SessionContext;
  readonly #lifecycle: SessionLifecycle;
  #reuse: Reuse = { tokens: 0 };

  /** Use `Runtime.session`. */
  constructor(opened: OpenedSession, context: SessionContext) {
    this.#context = context;
    this.#lifecycle = new SessionLifecycle(opened, context);
  }

  /** The name that the session was opened with, or a UUID. */
  get id(): string {
    return this.#lifecycle.id;
  }

  /** Whether the session was opened with a name, so that it outlives this runtime. */
  get named(): boolean {
    return this.#lifecycle.named;
  }

  /** Tokens that the session holds. */
  get position(): number {
    return this.#lifecycle.position;
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
    return this.#lifecycle.inexactFrom;
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
    return this.#lifecycle.idleSince;
  }

  /** Whether the session has no slot: its state is in the runtime's store until it is used. */
  get parked(): boolean {
    return this.#lifecycle.parked;
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
    using turn = await this.#lifecycle.begin({ signal, changes: tokens.length > 0 });
    const { link } = turn;
    const isFirst = link.position === 0;
    const stored = logits === "all" ? undefined : await prompts?.find(link, tokens);
    const prefix = stored?.bytes && bufferOf(stored.bytes);
    const ids = bufferOf(tokens);
    link.send({ type: "append", tokens: ids, logits, ...(prefix ? { prefix } : {}) });
    using _abort = link.cancelOn(signal);
    const { logits: given, reuse } = await link.expect("appended", signal);
    this.#reuse = stored?.fault === undefined
      ? reuse
      : { tokens: reuse.tokens, why: stored.fault, cause: "store" };
    if (prompts && isFirst && tokens.length - reuse.tokens >= WORTH_STORING) {
      prompts.putLater(await link.snapshot(), link.attentionBudget);
    }
    return given;
  }

  /**
   * All that the session is, as bytes: `Runtime.restore` makes a session of them that goes on as
   * this one would. `docs/snapshot.md` describes the format.
   */
  async snapshot(): Promise<Uint8Array<ArrayBuffer>> {
    using turn = await this.#lifecycle.begin({ changes: false });
    return (await turn.link.snapshot()).bytes;
  }

  /** Another session that goes on from here. It takes a slot; nothing is computed. */
  async fork(options: ForkOptions = {}): Promise<Session> {
    using turn = await this.#lifecycle.begin({ signal: options.signal, changes: false });
    return await this.#context.fork(turn.link, options);
  }

  /**
   * Goes back to where the session held `position` tokens. The nearest state before that was kept
   * is taken, and what lies between is computed anew; a signal that is aborted meanwhile leaves the
   * session where it is then.
   *
   * @throws {SessionError} No state was kept so early, or the tokens after it are no longer known.
   */
  async rewind(position: number, options: { signal?: AbortSignal } = {}): Promise<void> {
    const { position: now } = this;
    if (!Number.isInteger(position) || position < 0 || position > now) {
      throw new RangeError(`position is ${position}: pass a whole number from 0 to ${now}`);
    }
    const { signal } = options;
    using turn = await this.#lifecycle.begin({ signal, changes: position < now });
    if (position === now) return;
    turn.link.send({ type: "rewind", position });
    using _abort = turn.link.cancelOn(signal);
    await turn.link.expect("appended", signal);
  }

  /**
   * Moves the session's state into the runtime's store and frees its slot. The next use takes a
   * slot again and brings the state back.
   */
  park(): Promise<void> {
    return this.#lifecycle.park();
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
    if (options.grammar && !tokenizer) {
      throw new TypeError("grammar needs a tokenizer, and this model has none: leave it out");
    }
    const detokenizer = tokenizer && new Detokenizer(tokenizer, stop);
    return this.#generate(request, detokenizer, options);
  }

  /**
   * Frees the session's slot and ends what it does. One with a name is saved before, unless it is
   * busy, and others may open it then.
   */
  close(): Promise<void> {
    this.#context.ended(this);
    return this.#lifecycle.close();
  }

  /** Closes the session and takes it out of the store. */
  delete(): Promise<void> {
    this.#context.ended(this);
    return this.#lifecycle.close(true);
  }

  /** As {@linkcode Session.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#generate(
    request: GenerateRequest,
    detokenizer: Detokenizer | undefined,
    { grammar, signal }: GenerateOptions,
  ): AsyncGenerator<GeneratedToken, void, void> {
    using turn = await this.#lifecycle.begin({ signal, changes: true });
    const { link } = turn;
    using mask = grammar && await this.#context.matchers.open(grammar.text, signal);
    link.send({ type: "generate", ...request, ...(mask ? { mask } : {}) });
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
}
