/**
 * All that a session is, apart from where: what snapshots hold, forks copy and caches keep.
 *
 * @module
 */
import type { StatePool } from "../model/state.ts";
import type { Ops } from "../ops.ts";
import type { SamplerState } from "./sampler.ts";
import type { EngineSession } from "./session.ts";
import { exportSlot, importSlot, memoryFor, type SlotState, stateBytes } from "./slot_state.ts";

/** A session's state at a position. */
export interface SessionState {
  /** Tokens that are in the states. */
  readonly position: number;
  /** A generated token that is not yet in the states. */
  readonly pending: number | undefined;
  /** Tokens that its full attention may hold. */
  readonly attentionBudget: number;
  /** The latest ids, those that are in the states and the pending one. */
  readonly history: Int32Array<ArrayBuffer>;
  /** One bit for each id of the vocabulary that the session has seen. */
  readonly seen: Uint32Array<ArrayBuffer>;
  readonly sampler: SamplerState | undefined;
  readonly slot: SlotState;
}

/**
 * Copies a session's state out. The memory of `spare`, a state that is not needed any more, is
 * written anew where it is of the right size: a session without end then leaves no garbage.
 */
export function exportSession(
  ops: Ops,
  pool: StatePool,
  session: EngineSession,
  spare?: SessionState,
): SessionState {
  const { position, pending, attentionBudget, history, seen, sampler, slot, tables } = session;
  const count = history.length - history.start;
  const ids = new Int32Array(memoryFor(4 * count, spare?.history));
  return {
    position,
    pending,
    attentionBudget,
    history: history.slice(history.start, history.length, ids),
    seen: seen.words,
    sampler,
    slot: exportSlot(ops, pool, slot, tables, spare?.slot),
  };
}

/**
 * Copies a state into a session, whose slot is all zeros.
 *
 * @throws {RangeError} It does not fit.
 */
export function importSession(
  ops: Ops,
  pool: StatePool,
  session: EngineSession,
  state: SessionState,
): void {
  importSlot(ops, pool, session.slot, session.tables, state.slot);
  const { position, pending, history, sampler } = state;
  session.position = position;
  session.pending = pending;
  session.sampler = sampler;
  session.history.restore(history, position + (pending === undefined ? 0 : 1));
  session.seen.restore(state.seen);
}

/** Bytes of a state. */
export function sessionStateBytes({ history, seen, slot }: SessionState): number {
  return history.byteLength + seen.byteLength + stateBytes(slot);
}
