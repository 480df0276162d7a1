/**
 * Why a session refuses.
 *
 * @module
 */

/**
 * - `busy`: it does something else at the moment.
 * - `closed`: it was closed.
 * - `leased`: it is open elsewhere, at another runtime or in another part of this one.
 * - `lost`: its lease has gone to another runtime, which goes on with it.
 * - `absent`: the store has no session of this id.
 * - `exists`: the store has one already.
 * - `full`: no slot is free, and it may not wait for one, or too many wait already.
 * - `refused`: what was asked of it cannot be done; it is as it was.
 */
export type SessionFailure =
  | "busy"
  | "closed"
  | "leased"
  | "lost"
  | "absent"
  | "exists"
  | "full"
  | "refused";

/** A failure of a session that leaves the runtime and its other sessions as they were. */
export class SessionError extends Error {
  /** Tells this class from others. */
  override readonly name = "SessionError";
  /** What has happened. */
  readonly reason: SessionFailure;

  /** An error with this sentence. */
  constructor(reason: SessionFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
