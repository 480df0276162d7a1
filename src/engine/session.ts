/**
 * What the engine knows of one open session, besides the states in its slot.
 *
 * @module
 */
import type { Segment } from "../model/batch.ts";
import type { Reuse } from "../options.ts";
import type { GenerateRequest } from "../protocol.ts";
import type { Tensor } from "../ops.ts";
import type { Work } from "./scheduler.ts";
import type { PageTable } from "../model/page_table.ts";
import { Sampler, type SamplerState } from "./sampler.ts";
import type { TokenHistory } from "./token_history.ts";
import type { TokenMask } from "./token_mask.ts";
import type { TokenSet } from "./token_set.ts";

/** Tokens that a session can hold, as positions are 32-bit integers in the kernels. */
export const MOST_TOKENS = 2 ** 31 - 2 ** 10;

/** Which logits an append gives. */
export type AppendLogits = "last" | "all" | "none";

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
  /** What of the caller's tokens was not computed, as its state was kept. */
  readonly reuse: Reuse;
}

/** A running generation. */
export interface GenerateJob {
  readonly kind: "generate";
  readonly sampler: Sampler;
  readonly endTokens: ReadonlySet<number>;
  /** Which tokens may come next, where not all may. */
  readonly mask: TokenMask | undefined;
  /** Whether no token has been chosen yet. */
  isFirst: boolean;
  /** Tokens that may still be generated. */
  remaining: number;
  /** Tokens that may be generated before the reader asks for more. */
  credit: number;
}

/** One open session. */
export interface EngineSession {
  readonly id: number;
  readonly slot: number;
  /** Tokens that its full attention may hold. */
  readonly attentionBudget: number;
  /** Which pages its attention layers hold. */
  readonly tables: readonly PageTable[];
  /** The session's row of the pool's logits, `[1, vocabulary]`: those after token `position`. */
  readonly logits: Tensor;
  readonly seen: TokenSet;
  /** The latest ids that it holds, the pending one included. */
  readonly history: TokenHistory;
  /** Tokens that are in the states. */
  position: number;
  /** A generated token that is not yet in the states. */
  pending: number | undefined;
  /** Whether the pending token is the first with its id. */
  pendingIsNew: boolean;
  /** What its last generation left. */
  sampler: SamplerState | undefined;
  job: AppendJob | GenerateJob | undefined;
  /** Position at which its state was last kept for later. */
  kept: number;
  /** Why the session can no longer be used: a pass failed halfway through its states. */
  broken: string | undefined;
}

/** Tokens that the session holds, the pending one included. */
export function held(session: EngineSession): number {
  return session.position + (session.pending === undefined ? 0 : 1);
}

/** Throws when a session cannot hold `count` tokens more. */
export function expectRoom(session: EngineSession, count: number): void {
  if (held(session) + count <= MOST_TOKENS) return;
  throw new RangeError(
    `Cannot append ${count} tokens: the session holds ${held(session)} of at most ` +
      `${MOST_TOKENS}; open a new one`,
  );
}

/** The job that appends `tokens`, after the generated token that is not yet in the states. */
export function appendJob(
  { pending }: EngineSession,
  tokens: Int32Array,
  logits: AppendLogits,
  vocabulary: number,
  reuse: Reuse,
): AppendJob {
  const carried = pending === undefined ? 0 : 1;
  const all = new Int32Array(carried + tokens.length);
  if (pending !== undefined) all[0] = pending;
  all.set(tokens, carried);
  return {
    kind: "append",
    tokens: all,
    done: 0,
    carried,
    all: logits === "all" ? new Float32Array(tokens.length * vocabulary) : undefined,
    last: logits === "last",
    reuse,
  };
}

/** The job that generates what is asked for. Throws when there is nothing to go on from. */
export function generateJob(
  session: EngineSession,
  request: GenerateRequest,
  mask?: TokenMask,
): GenerateJob {
  if (held(session) === 0) {
    throw new Error("Cannot generate: the session is empty; append at least one token");
  }
  return {
    kind: "generate",
    sampler: new Sampler(request.sampling, session.sampler),
    endTokens: new Set(request.endTokens),
    mask,
    isFirst: true,
    remaining: request.maxTokens,
    credit: request.credit,
  };
}

/** Position from which on attention is no longer exact, if there is one. */
export function inexactFrom({ tables }: EngineSession): number | undefined {
  const positions = tables.flatMap(({ inexactFrom }) => inexactFrom ?? []);
  return positions.length > 0 ? Math.min(...positions) : undefined;
}

/** Whether the session has something to do that need not wait for its reader or its mask. */
export function canRun(session: EngineSession): boolean {
  return session.job !== undefined && !awaitsOther(session);
}

/** Whether the session waits for its reader, or for which tokens may come next. */
export function awaitsOther({ job, pending }: EngineSession): boolean {
  if (job?.kind !== "generate") return false;
  return job.credit === 0 || pending === undefined && job.mask?.ready === false;
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
  const { job, slot, position, tables } = session;
  const tokens = job?.kind === "append"
    ? job.tokens.subarray(job.done, job.done + count)
    : [session.pending!];
  return { slot, position, tokens, tables };
}
