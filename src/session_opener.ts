/**
 * Opens the sessions of a runtime, in slots and under the leases of their names.
 *
 * @module
 */
import type { EngineClient } from "./engine_client.ts";
import type { GenerateDefaults } from "./generate_request.ts";
import { Matchers } from "./grammar/matchers.ts";
import { OpenSessions } from "./open_sessions.ts";
import type { ForkOptions, SessionEntry, SessionOptions } from "./options.ts";
import { PromptStates, type StateKind } from "./prompt_states.ts";
import { attentionBudget, type WaitOptions } from "./runtime_options.ts";
import { Session, type SessionContext } from "./session.ts";
import { SessionError } from "./session_error.ts";
import type { OpenedSession } from "./session_lifecycle.ts";
import { bufferOf, type Opening, SessionLink } from "./session_link.ts";
import { type SessionPlace, SessionPlaces } from "./session_places.ts";
import { SlotQueue } from "./slot_queue.ts";
import type { SnapshotStore } from "./store/store.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What an opener works with. */
export interface OpenerParts extends WaitOptions {
  readonly engine: EngineClient;
  readonly store: SnapshotStore | undefined;
  readonly kind: StateKind;
  /** Most tokens that full attention holds for a session. */
  readonly attentionBudget: number;
  readonly tokenizer: Tokenizer | undefined;
  readonly defaults: GenerateDefaults;
}

/** What of the options is for the slot. */
type SlotOptions = Pick<SessionOptions, "wait" | "signal">;

/** Opens sessions, and knows those that are open. */
export class SessionOpener {
  readonly #parts: OpenerParts;
  readonly #sessions: OpenSessions;
  readonly #places: SessionPlaces | undefined;
  readonly #matchers: Matchers;
  readonly #context: SessionContext;
  #nextLink = 1;

  constructor(parts: OpenerParts) {
    const { engine, store, kind, leaseTime, queue: waiting, tokenizer, defaults } = parts;
    const { sessions: slots, session: bytes } = engine.ready.memory;
    const queue = new SlotQueue({ slots, bytes, waiting });
    this.#parts = parts;
    this.#sessions = new OpenSessions(queue, store !== undefined);
    this.#places = store && new SessionPlaces(store, kind.fingerprint, leaseTime);
    this.#matchers = new Matchers(() => ({
      tokens: tokenizer!.vocabulary(defaults.vocabularySize),
      endTokens: defaults.endTokens,
    }), engine.bell);
    this.#context = {
      tokenizer,
      bytes,
      defaults,
      matchers: this.#matchers,
      open: (opening, options) => this.#link(opening, options),
      fork: (link, options) => this.#openNew({ type: "fork", from: link.id }, options),
      places: this.#places,
      prompts: store && new PromptStates(store, kind),
      rested: () => this.#sessions.makeRoom(),
      ended: (session) => this.#sessions.delete(session),
    };
  }

  /** Where sessions are kept, if anywhere. */
  get store(): SnapshotStore | undefined {
    return this.#parts.store;
  }

  /** Slots in use, and those that wait for one. */
  get load(): { open: number; waiting: number } {
    return this.#sessions.load;
  }

  /** Opens the stored session of the id, or an empty one. */
  async open(options: SessionOptions): Promise<Session> {
    const { id, exists } = options;
    const { attentionBudget: most } = this.#parts;
    const budget = attentionBudget(options.attentionBudget ?? most, most);
    const empty = { type: "open", attentionBudget: budget } as const;
    if (id === undefined && exists) throw new TypeError("exists is set without an id: pass one");
    if (id === undefined || exists === false) return await this.#openNew(empty, options);
    return await this.#at(id, async (place) => {
      const bytes = await place.load();
      if (!bytes && exists) throw absent(id);
      const opening = bytes ? { type: "restore", bytes: bufferOf(bytes) } as const : empty;
      const link = await this.#link(opening, options);
      return this.#adopt({ id, link, place, unsaved: !bytes });
    });
  }

  /** Opens a session with the state of a snapshot. */
  async restore(bytes: Uint8Array, options: ForkOptions): Promise<Session> {
    return await this.#openNew({ type: "restore", bytes: new Uint8Array(bytes).buffer }, options);
  }

  /** Sees to it that a session has no slot. */
  async park(id: string): Promise<void> {
    const here = this.#sessions.named.find((session) => session.id === id);
    if (here) return await here.park();
    await this.#at(id, async (place) => {
      if (!await place.exists()) throw absent(id);
      await place.release();
    });
  }

  /** Takes a session that is not open out of the store. */
  async delete(id: string): Promise<void> {
    await this.#at(id, async (place) => {
      if (!await place.exists()) throw absent(id);
      await place.delete();
      await place.release();
    });
  }

  /** The snapshot of a session at the end of its last turn. */
  async stored(id: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#expectPlaces().read(id);
    if (bytes) return bytes;
    throw absent(id);
  }

  /** The sessions with a name. */
  async *list(): AsyncGenerator<SessionEntry> {
    const open = new Map(this.#sessions.named.map((session) => [session.id, session]));
    const stateOf = (session: Session) => session.parked ? "parked" : "open";
    for await (const entry of this.#expectPlaces().list()) {
      const session = open.get(entry.id);
      open.delete(entry.id);
      yield { ...entry, state: session ? stateOf(session) : "stored" };
    }
    for (const session of open.values()) {
      yield { id: session.id, state: stateOf(session), bytes: 0, usedAt: Date.now() };
    }
  }

  /** Closes all sessions and waits for what is on its way to the store. */
  async close(): Promise<void> {
    await this.#sessions.close();
    this.#matchers.stop();
    await this.#context.prompts?.settled();
  }

  /** Opens a session that the store does not have yet. */
  async #openNew(opening: Opening, options: ForkOptions): Promise<Session> {
    if ("attentionBudget" in options && opening.type !== "open") {
      throw new TypeError("attentionBudget is that of the state that the session begins with");
    }
    const { id } = options;
    if (id === undefined) {
      const link = await this.#link(opening, options);
      return this.#adopt({ id: crypto.randomUUID(), link, unsaved: true });
    }
    return await this.#at(id, async (place) => {
      if (await place.exists()) {
        throw new SessionError(
          "exists",
          `There is a session "${id}" already: choose another id, or delete it first`,
        );
      }
      const link = await this.#link(opening, options);
      return this.#adopt({ id, link, place, unsaved: true });
    });
  }

  /** Does `work` with the place of a session, which is let go when that fails. */
  async #at<T>(id: string, work: (place: SessionPlace) => Promise<T>): Promise<T> {
    const places = this.#expectPlaces();
    const place = await places.take(id);
    if (!place) throw this.#leased(id, places);
    try {
      return await work(place);
    } catch (error) {
      await place.release();
      throw error;
    }
  }

  /** Takes a slot and opens a session of the engine in it. */
  async #link(opening: Opening, options: SlotOptions): Promise<SessionLink> {
    await this.#sessions.takeSlot(options);
    const release = () => this.#sessions.releaseSlot();
    return await SessionLink.open(this.#parts.engine, this.#nextLink++, opening, release);
  }

  #adopt(opened: OpenedSession): Session {
    const session = new Session(opened, this.#context);
    this.#sessions.add(session);
    return session;
  }

  #expectPlaces(): SessionPlaces {
    if (this.#places) return this.#places;
    throw new TypeError(
      "A session with an id needs a store: load the model with one, or leave the id out",
    );
  }

  #leased(id: string, { leaseTime }: SessionPlaces): SessionError {
    const isHere = this.#sessions.named.some((session) => session.id === id);
    const where = isHere ? "this runtime" : "another runtime";
    const died = isHere ? "" : `; if that has died, its lease ends within ${leaseTime} ms`;
    return new SessionError(
      "leased",
      `The session "${id}" is in use at ${where}: wait until it is closed there${died}`,
    );
  }
}

function absent(id: string): SessionError {
  return new SessionError("absent", `There is no session "${id}" in the store; open a new one`);
}
