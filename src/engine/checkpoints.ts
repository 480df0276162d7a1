/**
 * Keeps the states of sessions where they may be wanted again, and finds them.
 *
 * @module
 */
import type { StatePool } from "../model/state.ts";
import type { Reuse } from "../options.ts";
import type { Ops } from "../ops.ts";
import { PrefixCache, type Tokens } from "./prefix_cache.ts";
import { decodeSnapshot } from "./snapshot.ts";
import type { AppendLogits, EngineSession } from "./session.ts";
import {
  exportSession,
  importSession,
  type SessionState,
  sessionStateBytes,
} from "./session_state.ts";
import { TokenSet } from "./token_set.ts";
import type { WorkCount } from "./work_count.ts";

/** Fewer tokens are as soon computed as copied. */
const LEAST_TOKENS = 16;

/** Options of {@linkcode Checkpoints}. */
export interface CheckpointOptions {
  /** Bytes that all kept states may have together; 0 keeps none. */
  readonly maxBytes: number;
  /** Tokens after which a state is kept anyway. */
  readonly interval: number;
  /** Tells the model from others. */
  readonly fingerprint: string;
  readonly work: WorkCount;
}

/** States at the ends of prompts and answers, and at intervals between. */
export class Checkpoints {
  readonly #ops: Ops;
  readonly #pool: StatePool;
  readonly #interval: number;
  readonly #fingerprint: string;
  readonly #work: WorkCount;
  readonly #cache: PrefixCache<SessionState>;
  /** A state that had to go, whose memory the next one takes. */
  #spare: SessionState | undefined;

  constructor(ops: Ops, pool: StatePool, options: CheckpointOptions) {
    this.#ops = ops;
    this.#pool = pool;
    this.#interval = options.interval;
    this.#fingerprint = options.fingerprint;
    this.#work = options.work;
    this.#cache = new PrefixCache(options.maxBytes);
  }

  /** Keeps the state at the end of a prompt or an answer. */
  keepEnd(session: EngineSession): void {
    const added = session.position - session.kept;
    if (session.kept === 0 ? added > 0 : added >= LEAST_TOKENS) this.#keep(session);
  }

  /** Keeps the state when it is long since one was kept. */
  keepInterval(session: EngineSession): void {
    if (session.position - session.kept >= this.#interval) this.#keep(session);
  }

  /**
   * Puts an empty session into the longest kept state that `tokens` begin with, and says how many
   * they are. `prefix` is the snapshot of a session that held some of the first of them.
   */
  reuse(
    session: EngineSession,
    tokens: Int32Array,
    logits: AppendLogits,
    prefix?: Uint8Array<ArrayBuffer>,
  ): Reuse {
    if (logits === "all") {
      return { tokens: 0, why: "the logits of all tokens are asked for", cause: "logits" };
    }
    const { state: stored, fault } = prefix ? this.#decode(prefix) : {};
    const { match, shared } = this.#cache.find(tokens, fits(session));
    const isBetter = stored !== undefined && stored.position > (match?.position ?? 0) &&
      fits(session)(stored) && isBeginning(stored, tokens);
    const state = isBetter ? stored : match?.state;
    const position = state?.position ?? 0;
    if (state) {
      const own = ofTokens(state, tokens.slice(0, position) as Int32Array<ArrayBuffer>);
      importSession(this.#ops, this.#pool, session, own);
      if (isBetter) this.#put(session.id, own);
      session.kept = position;
    }
    if (fault !== undefined) return { tokens: position, why: fault, cause: "store" };
    if (!this.#cache.enabled && !state) {
      return { tokens: 0, why: "the prefix cache is off", cause: "off" };
    }
    if (shared <= position) return { tokens: position };
    return {
      tokens: position,
      why: `${shared} tokens are known, but no state is kept between ${position} and there`,
      cause: "no_state",
    };
  }

  /** How many of the tokens at the front of a prompt need not be computed. */
  known(session: EngineSession, tokens: Int32Array): number {
    return this.#cache.find(tokens, fits(session)).match?.position ?? 0;
  }

  /**
   * Puts a session back to the last kept state at or before `position`, or to the empty one with
   * `clear`, and returns the tokens that lead from there to `position`.
   *
   * @throws {RangeError} There is no such state, or a token on the way is no longer known.
   */
  rewind(session: EngineSession, position: number, clear: () => void): Int32Array {
    if (position === session.position) {
      dropPending(session);
      return new Int32Array();
    }
    const tokens = tokensOf(session);
    const found = this.#cache.findBefore(session.id, tokens, position, fits(session));
    const from = found?.position ?? 0;
    if ((from < tokens.start && from !== position) || position > session.position) {
      throw new RangeError(
        `Cannot rewind to ${position}: the session holds ${session.position} tokens, of which ` +
          `those from ${tokens.start} on are known, and the nearest kept state is at ${from}; ` +
          `keep snapshots of what is to be gone back to`,
      );
    }
    clear();
    if (found) importSession(this.#ops, this.#pool, session, found.state);
    session.kept = from;
    this.forget(session, position);
    return tokens.ids.slice(from - tokens.start, position - tokens.start);
  }

  /** Forgets what only this session could use after `position`: it goes back, or ends. */
  forget(session: EngineSession, position: number): void {
    this.#cache.forget(session.id, position);
    this.#work.keptBytes = this.#cache.bytes;
  }

  /** The state of a snapshot that was made elsewhere, or why it cannot be used. */
  #decode(bytes: Uint8Array<ArrayBuffer>): { state?: SessionState; fault?: string } {
    try {
      return { state: decodeSnapshot(bytes, this.#fingerprint) };
    } catch (error) {
      return { fault: error instanceof Error ? error.message : String(error) };
    }
  }

  #keep(session: EngineSession): void {
    if (!this.#cache.enabled) return;
    const { pending, pendingIsNew, seen } = session;
    if (pending !== undefined && pendingIsNew) seen.delete(pending);
    const state = exportSession(this.#ops, this.#pool, session, this.#spare);
    this.#spare = undefined;
    if (pending !== undefined) seen.add(pending);
    this.#put(session.id, state);
    session.kept = session.position;
  }

  /** Keeps a state without the token that has not gone into it. */
  #put(owner: number, state: SessionState): void {
    const { pending, position } = state;
    const history = pending === undefined ? state.history : state.history.subarray(0, -1);
    const kept = { ...state, pending: undefined, history };
    const tokens = { start: position - history.length, ids: history };
    this.#spare = this.#cache.put(owner, tokens, kept, sessionStateBytes(kept));
    this.#work.keptBytes = this.#cache.bytes;
  }
}

/** A state as one that has seen `tokens`, those that are in it, and has generated none of them. */
function ofTokens(state: SessionState, tokens: Int32Array<ArrayBuffer>): SessionState {
  const seen = new TokenSet(32 * state.seen.length);
  for (const id of tokens) seen.add(id);
  return { ...state, sampler: undefined, pending: undefined, history: tokens, seen: seen.words };
}

/** Whether a state was come to with the first of `tokens`, all of which it knows. */
function isBeginning({ position, history }: SessionState, tokens: Int32Array): boolean {
  return history.length >= position && position <= tokens.length &&
    tokens.subarray(0, position).every((id, i) => id === history[i]);
}

/** Takes back a generated token that is not yet in the states. */
function dropPending(session: EngineSession): void {
  const { pending, history, position } = session;
  if (pending === undefined) return;
  history.restore(history.slice(history.start, position), position);
  if (session.pendingIsNew) session.seen.delete(pending);
  session.pending = undefined;
}

/** Whether a state is what the session would have come to itself. */
function fits({ attentionBudget }: EngineSession): (state: SessionState) => boolean {
  return (state) => {
    const isExact = state.slot.tables.every(({ inexactFrom }) => inexactFrom === undefined);
    return state.attentionBudget === attentionBudget ||
      (isExact && state.position <= attentionBudget);
  };
}

function tokensOf({ history }: EngineSession): Tokens & { ids: Int32Array<ArrayBuffer> } {
  return { start: history.start, ids: history.slice(history.start) };
}
