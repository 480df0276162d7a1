/**
 * What the engine knows of one open session, besides the states in its slot.
 *
 * @module
 */
import type { Segment } from "../model/batch.ts";
import type { Tensor } from "../ops.ts";
import type { Work } from "./scheduler.ts";
import type { Sampler } from "./sampler.ts";
import type { TokenSet } from "./token_set.ts";

/** Tokens on their way into a session. */
export interface AppendJob {
  readonly kind: "append";
  readonly tokens: Int32Array;
  /** Tokens that have gone in. */
  done: number;
  /** Tokens at the front that the caller did not pass: the last one of the generation before. */
  readonly carried: number;
  /** Where the logits of all tokens go, when they are asked for. */
  readonly all: Float32Array | undefined;
  /** Whether the logits of the last token are returned. */
  readonly last: boolean;
}

/** A running generation. */
export interface GenerateJob {
  readonly kind: "generate";
  readonly sampler: Sampler;
  readonly endTokens: ReadonlySet<number>;
  /** Tokens that may still be generated. */
  remaining: number;
  /** Tokens that may be generated before the reader asks for more. */
  credit: number;
}

/** One open session. */
export interface EngineSession {
  readonly id: number;
  readonly slot: number;
  /** The session's row of the pool's logits, `[1, vocabulary]`: those after token `position`. */
  readonly logits: Tensor;
  readonly seen: TokenSet;
  /** Tokens that are in the states. */
  position: number;
  /** A generated token that is not yet in the states. */
  pending: number | undefined;
  job: AppendJob | GenerateJob | undefined;
  /** Why the session can no longer be used: a pass failed halfway through its states. */
  broken: string | undefined;
}

/** Tokens that the session holds, the pending one included. */
export function held(session: EngineSession): number {
  return session.position + (session.pending === undefined ? 0 : 1);
}

/** Whether the session has something to do that need not wait for its reader. */
export function canRun(session: EngineSession): boolean {
  const { job } = session;
  return job !== undefined && (job.kind === "append" || job.credit > 0);
}

/** The tokens that a session's job needs in the states before it can go on. */
export function neededWork(session: EngineSession): Work[] {
  const { id, job } = session;
  if (job?.kind === "append") {
    return [{ session: id, kind: "prefill", tokens: job.tokens.length - job.done }];
  }
  return session.pending === undefined ? [] : [{ session: id, kind: "decode", tokens: 1 }];
}

/** The next `count` tokens of a session, for the model. */
export function nextSegment(session: EngineSession, count: number): Segment {
  const { job, slot, position } = session;
  const tokens = job?.kind === "append"
    ? job.tokens.subarray(job.done, job.done + count)
    : [session.pending!];
  return { slot, position, tokens };
}
