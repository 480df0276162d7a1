/**
 * Where the state of a session is, in a slot or in the store, and who may use it.
 *
 * @module
 */
import type { PromptStates } from "./prompt_states.ts";
import { SessionError } from "./session_error.ts";
import { bufferOf, type Opening, type SessionLink } from "./session_link.ts";
import type { SessionPlace, SessionPlaces } from "./session_places.ts";

/** What a lifecycle needs of its runtime. */
export interface LifecycleContext {
  /** Takes a slot and opens a session of the engine in it. */
  readonly open: (
    opening: Opening,
    options: { wait?: boolean; signal?: AbortSignal },
  ) => Promise<SessionLink>;
  /** Where sessions are kept outside their slots. */
  readonly places: SessionPlaces | undefined;
  /** Snapshots of earlier prompts, on other runtimes and before this one started. */
  readonly prompts: PromptStates | undefined;
  /** Called when the session has nothing more to do for now. */
  readonly rested: () => void;
}

/** What a lifecycle begins with. */
export interface OpenedSession {
  readonly id: string;
  readonly link: SessionLink;
  /** Of a session that has a name: held from its opening to its end. */
  readonly place?: SessionPlace;
  /** Whether the state is not in its place. */
  readonly unsaved: boolean;
}

/** A session that does something, with its link. Disposing it says that it is done. */
export interface Turn extends Disposable {
  readonly link: SessionLink;
}

/**
 * The life of a session. One with a name is saved at the end of each turn and when it leaves its
 * slot, and its place is held all the time. One without has a place only while it is parked.
 */
export class SessionLifecycle {
  readonly id: string;
  readonly named: boolean;
  readonly #context: LifecycleContext;
  /** `undefined` while the session is parked. */
  #link: SessionLink | undefined;
  #place: SessionPlace | undefined;
  #unsaved: boolean;
  #position: number;
  #inexactFrom: number | undefined;
  #usedAt = performance.now();
  #busy = false;
  /** Settles when the session, which is on its way to the store, is there or has stayed. */
  #settling: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor({ id, link, place, unsaved }: OpenedSession, context: LifecycleContext) {
    this.id = id;
    this.named = place !== undefined;
    this.#context = context;
    this.#link = link;
    this.#place = place;
    this.#unsaved = unsaved;
    this.#position = link.position;
    this.#inexactFrom = link.inexactFrom;
    if (link.position > 0) this.#saveLater();
  }

  /** Tokens that the session holds. */
  get position(): number {
    return this.#link?.position ?? this.#position;
  }

  /** Position at which the session ceased to be exact, if it has. */
  get inexactFrom(): number | undefined {
    return this.#link ? this.#link.inexactFrom : this.#inexactFrom;
  }

  /** Whether the session has no slot. */
  get parked(): boolean {
    return this.#link === undefined;
  }

  /** When the session was last used, in milliseconds, if it could be parked now. */
  get idleSince(): number | undefined {
    const isIdle = this.#link && !this.#busy && !this.#settling && !this.#closing;
    return isIdle ? this.#usedAt : undefined;
  }

  /**
   * Claims the session for one thing to do, and brings it back when it is parked. Waits until what
   * it did before is saved.
   */
  async begin(options: { signal?: AbortSignal | undefined; changes: boolean }): Promise<Turn> {
    const { signal, changes } = options;
    signal?.throwIfAborted();
    this.#expectIdle();
    this.#busy = true;
    try {
      await this.#settling;
      if (this.named) await this.#expectHeld();
      const link = this.#link ?? await this.#unpark(signal);
      if (this.#closing) throw closed();
      if (changes) this.#unsaved = true;
      return { link, [Symbol.dispose]: () => this.#done() };
    } catch (error) {
      this.#done();
      throw error;
    }
  }

  /** Moves the state into the store and frees the slot. */
  async park(): Promise<void> {
    const { places } = this.#context;
    if (!places) throw new TypeError("Cannot park: the runtime was loaded without a store");
    this.#expectIdle();
    if (!this.#link) return;
    await this.#settle(async () => {
      if (this.#link) await this.#park(this.#link, places);
    });
  }

  /** Ends what the session does and frees its slot; `remove` takes it out of the store as well. */
  close(remove = false): Promise<void> {
    this.#closing ??= this.#close(this.#busy, remove);
    return this.#closing;
  }

  #expectIdle(): void {
    if (this.#closing) throw closed();
    if (!this.#busy) return;
    throw new SessionError(
      "busy",
      "The session is busy; wait for its append or generate to end",
    );
  }

  async #expectHeld(): Promise<void> {
    try {
      await this.#place!.check();
    } catch (error) {
      // Whoever closes it next has been told.
      if (error instanceof SessionError) this.#unsaved = false;
      throw error;
    }
  }

  #done(): void {
    this.#usedAt = performance.now();
    this.#busy = false;
    if (!this.#closing) this.#saveLater();
    this.#context.rested();
  }

  /** Saves a session with a name. What fails is tried again by what comes next. */
  #saveLater(): void {
    if (!this.named || !this.#unsaved) return;
    this.#settle(async () => {
      if (this.#link && !this.#closing) await this.#save(this.#link, this.#place!);
    }).catch(() => {});
  }

  /** Does `work` once what is on its way has settled. */
  #settle(work: () => Promise<void>): Promise<void> {
    const before = this.#settling;
    const result = before ? before.then(work) : work();
    const settled = result.catch(() => {}).then(() => {
      if (this.#settling !== settled) return;
      this.#settling = undefined;
      this.#context.rested();
    });
    this.#settling = settled;
    return result;
  }

  async #save(link: SessionLink, place: SessionPlace): Promise<void> {
    if (!this.#unsaved) return;
    const { bytes } = await link.snapshot();
    await place.save(bytes, this.named);
    this.#unsaved = false;
  }

  async #park(link: SessionLink, places: SessionPlaces): Promise<void> {
    this.#place ??= await places.take(this.id);
    await this.#save(link, this.#place!);
    this.#position = link.position;
    this.#inexactFrom = link.inexactFrom;
    this.#link = undefined;
    await link.close();
  }

  async #unpark(signal: AbortSignal | undefined): Promise<SessionLink> {
    const place = this.#place!;
    const bytes = await place.load();
    if (!bytes) {
      const what = `The parked session "${this.id}" is not in the store`;
      throw new SessionError("lost", `${what}; it was deleted from there`);
    }
    const opening = { type: "restore", bytes: bufferOf(bytes) } as const;
    const link = await this.#context.open(opening, { wait: true, ...(signal && { signal }) });
    if (this.#closing) {
      await link.close();
      throw closed();
    }
    this.#link = link;
    if (this.named) return link;
    this.#place = undefined;
    this.#unsaved = true;
    await discard(place);
    return link;
  }

  async #close(wasBusy: boolean, remove: boolean): Promise<void> {
    await this.#settling;
    const link = this.#link;
    const place = this.#place;
    try {
      if (link && !wasBusy && !link.closing && !remove) await this.#leave(link);
    } finally {
      await link?.close();
      if (place) await (remove || !this.named ? discard(place) : place.release());
    }
  }

  /** Leaves in the store what others may go on from; the slot is free before that is done. */
  async #leave(link: SessionLink): Promise<void> {
    const { prompts } = this.#context;
    if (this.named ? !this.#unsaved : !prompts || link.position === 0) return;
    // A session that a failed pass has spoilt leaves nothing.
    const snapshot = await link.snapshot().catch(() => undefined);
    await link.close();
    if (!snapshot) return;
    if (this.named) return await this.#place!.save(snapshot.bytes, true);
    // What cannot be kept for later prompts is computed again then.
    await prompts?.put(snapshot, link.attentionBudget).catch(() => {});
  }
}

async function discard(place: SessionPlace): Promise<void> {
  try {
    await place.delete();
  } finally {
    await place.release();
  }
}

function closed(): SessionError {
  return new SessionError("closed", "The session is closed; open a new one");
}
