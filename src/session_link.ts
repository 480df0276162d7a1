/**
 * The main isolate's end of one session of the engine.
 *
 * @module
 */
import type { EngineClient } from "./engine_client.ts";
import type { Command, EngineEvent } from "./protocol.ts";
import { SessionError } from "./session_error.ts";

/** How a session begins. */
export type Opening =
  | { readonly type: "open"; readonly attentionBudget: number }
  | { readonly type: "restore"; readonly bytes: ArrayBuffer }
  | { readonly type: "fork"; readonly from: number };

/** What is sent to a session, which the link adds itself. */
type SessionCommand = Extract<Command, { session: number }> extends infer T
  ? T extends unknown ? Omit<T, "session"> : never
  : never;

/** A slot of the engine, from when it is taken to when it is given back. */
export class SessionLink {
  readonly id: number;
  /** Tokens that the session holds. */
  position = 0;
  /** Position from which on its attention is not exact, if there is one. */
  inexactFrom: number | undefined;
  readonly #engine: EngineClient;
  readonly #released: () => void;
  readonly #events: EngineEvent[] = [];
  readonly #closed = Promise.withResolvers<void>();
  #arrival = Promise.withResolvers<void>();
  #closing = false;
  #attentionBudget = 0;

  /** Opens a session in a slot that is free; `released` is called once it is free again. */
  static async open(
    engine: EngineClient,
    id: number,
    opening: Opening,
    released: () => void,
  ): Promise<SessionLink> {
    const link = new SessionLink(engine, id, released);
    try {
      link.send(opening);
    } catch (error) {
      released();
      throw error;
    }
    link.#attentionBudget = (await link.expect("opened")).attentionBudget;
    return link;
  }

  private constructor(engine: EngineClient, id: number, released: () => void) {
    this.id = id;
    this.#engine = engine;
    this.#released = released;
    engine.subscribe(id, (event) => this.#receive(event));
  }

  /** Tokens that the session's full attention holds. */
  get attentionBudget(): number {
    return this.#attentionBudget;
  }

  /** Whether the session is closed or will be. */
  get closing(): boolean {
    return this.#closing;
  }

  send(command: SessionCommand): void {
    this.#engine.send({ ...command, session: this.id } as Command);
  }

  /** The next event. Throws when the session failed or was closed. */
  async next(): Promise<EngineEvent> {
    while (this.#events.length === 0) {
      await this.#arrival.promise;
      this.#arrival = Promise.withResolvers<void>();
    }
    const event = this.#events.shift()!;
    if (event.type === "failed") {
      if (event.refused) throw new SessionError("refused", event.message);
      throw new Error(event.message);
    }
    if (event.type === "closed") throw new SessionError("closed", "The session was closed");
    return event;
  }

  /** The next event, which is of this type unless the signal has cancelled it. */
  async expect<Type extends EngineEvent["type"]>(
    type: Type,
    signal?: AbortSignal,
  ): Promise<Extract<EngineEvent, { type: Type }>> {
    const event = await this.next();
    if (event.type === type) return event as Extract<EngineEvent, { type: Type }>;
    signal?.throwIfAborted();
    throw new Error(`Expected "${type}" of the engine, got "${event.type}"`);
  }

  /** All that the session is, as bytes, and its tokens, when they are known. */
  async snapshot(): Promise<Extract<EngineEvent, { type: "snapshot" }>> {
    this.send({ type: "snapshot" });
    return await this.expect("snapshot");
  }

  /** Cancels what runs when the signal is aborted. */
  cancelOn(signal: AbortSignal | undefined): Disposable {
    const cancel = () => {
      if (!this.#closing) this.send({ type: "cancel" });
    };
    signal?.addEventListener("abort", cancel, { once: true });
    // It may have been aborted while something else was waited for; then it says so no more.
    if (signal?.aborted) cancel();
    return { [Symbol.dispose]: () => signal?.removeEventListener("abort", cancel) };
  }

  /** Ends a running generation and waits until the engine has heard it. */
  async cancel(): Promise<void> {
    this.send({ type: "cancel" });
    for (;;) {
      const event = await this.next();
      if (event.type !== "token" || event.finishReason) return;
    }
  }

  /** Ends what the session does and frees its slot. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.send({ type: "close" });
    }
    await this.#closed.promise;
  }

  #receive(event: EngineEvent): void {
    if (event.type === "closed") {
      this.#closing = true;
      this.#closed.resolve();
      this.#released();
    } else {
      this.position = event.position;
      this.inexactFrom = event.inexactFrom;
    }
    this.#events.push(event);
    this.#arrival.resolve();
  }
}

/** The memory of an array that is not needed any more, copied where it is a part of more. */
export function bufferOf(array: Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = array;
  return byteLength === buffer.byteLength
    ? buffer
    : buffer.slice(byteOffset, byteOffset + byteLength);
}
