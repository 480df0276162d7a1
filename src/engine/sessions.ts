/**
 * The open sessions and the slots of the state pool that they take.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import type { StatePool } from "../model/state.ts";
import type { EngineSession } from "./session.ts";
import { TokenHistory } from "./token_history.ts";
import { TokenSet } from "./token_set.ts";

/** Open sessions by their numbers. */
export class Sessions implements Disposable {
  readonly #config: ModelConfig;
  readonly #pool: StatePool;
  readonly #open = new Map<number, EngineSession>();
  readonly #freeSlots: number[];

  constructor(config: ModelConfig, pool: StatePool) {
    this.#config = config;
    this.#pool = pool;
    this.#freeSlots = Array.from({ length: pool.slots }, (_, i) => pool.slots - 1 - i);
  }

  /** All open sessions. */
  get all(): EngineSession[] {
    return [...this.#open.values()];
  }

  get(id: number): EngineSession | undefined {
    return this.#open.get(id);
  }

  /**
   * A session that has nothing to do.
   *
   * @throws {Error} It is closed, lost or busy.
   */
  idle(id: number): EngineSession {
    const session = this.#open.get(id);
    if (!session) throw new Error("The session is closed; open a new one");
    if (session.broken !== undefined) {
      throw new Error(`The session was lost when a pass failed: ${session.broken}`);
    }
    if (!session.job) return session;
    throw new Error("The session is busy; wait for its append or generate to end");
  }

  /**
   * Gives a session a slot of zeros.
   *
   * @throws {Error} There is none.
   */
  open(id: number, attentionBudget: number): EngineSession {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) {
      throw new Error(
        `All ${this.#pool.slots} sessions are in use; close one, or load with more sessions`,
      );
    }
    const session: EngineSession = {
      id,
      slot,
      attentionBudget,
      tables: this.#pool.pageTables(slot, attentionBudget),
      logits: this.#pool.logits.rowView(slot, 1),
      seen: new TokenSet(this.#config.vocabularySize),
      history: new TokenHistory(this.#config.maxPositions),
      position: 0,
      pending: undefined,
      pendingIsNew: false,
      sampler: undefined,
      job: undefined,
      kept: 0,
      broken: undefined,
    };
    this.#open.set(id, session);
    return session;
  }

  /** Makes a session as it was when it was opened. */
  clear(session: EngineSession): void {
    this.#pool.clear(session.slot, session.tables);
    session.seen.restore(new Uint32Array(session.seen.words.length));
    session.history.restore(new Int32Array(), 0);
    session.position = 0;
    session.pending = undefined;
    session.sampler = undefined;
    session.kept = 0;
  }

  /** Zeroes a session's slot and gives it back. */
  close(session: EngineSession): void {
    this.#open.delete(session.id);
    session.logits[Symbol.dispose]();
    this.#pool.clear(session.slot, session.tables);
    this.#freeSlots.push(session.slot);
  }

  [Symbol.dispose](): void {
    for (const { logits } of this.all) logits[Symbol.dispose]();
  }
}
