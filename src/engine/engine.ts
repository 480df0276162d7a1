/**
 * The engine: sessions, and the step that computes the next tokens of all of them in one batch. It
 * knows token ids and numbers, no text, and nothing in it waits.
 *
 * @module
 */
import type { ModelConfig } from "../config.ts";
import type { BatchBuffers, Segment } from "../model/batch.ts";
import type { JetNemotron } from "../model/jet_nemotron.ts";
import type { StatePool } from "../model/state.ts";
import type { Ops, Tensor } from "../ops.ts";
import type { EngineEvent, GenerateRequest } from "../protocol.ts";
import { LogitRows } from "./logit_rows.ts";
import { Sampler, SamplerScratch } from "./sampler.ts";
import { Scheduler, type Share, type Work } from "./scheduler.ts";
import {
  type AppendJob,
  canRun,
  type EngineSession,
  held,
  neededWork,
  nextSegment,
} from "./session.ts";
import { TokenSet } from "./token_set.ts";

/** What an engine runs on. It owns none of it. */
export interface EngineParts {
  readonly ops: Ops;
  readonly config: ModelConfig;
  readonly model: JetNemotron;
  readonly pool: StatePool;
  readonly batch: BatchBuffers;
  /** Tokens of the pieces that prompts are cut into. */
  readonly deltaChunk: number;
  /** Most tokens of prompts that go through the model in one pass. */
  readonly prefillPiece: number;
}

/** Open sessions and the passes that move them on. */
export class Engine implements Disposable {
  readonly #parts: EngineParts;
  readonly #sessions = new Map<number, EngineSession>();
  readonly #freeSlots: number[];
  readonly #scheduler: Scheduler;
  readonly #sampling: SamplerScratch;
  readonly #logitRows: LogitRows;
  #events: EngineEvent[] = [];

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#freeSlots = Array.from({ length: parts.pool.slots }, (_, i) => parts.pool.slots - 1 - i);
    this.#scheduler = new Scheduler({ piece: parts.deltaChunk, prefill: parts.prefillPiece });
    this.#sampling = new SamplerScratch(parts.ops, parts.config.vocabularySize);
    this.#logitRows = new LogitRows(parts.ops, parts.model, parts.config, parts.pool.slots);
  }

  /** Gives a session a slot of zeros. */
  open(id: number): void {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) {
      const { slots } = this.#parts.pool;
      return this.#fail(
        id,
        `All ${slots} sessions are in use; close one or load with more sessions`,
      );
    }
    this.#parts.pool.clear(slot);
    this.#sessions.set(id, {
      id,
      slot,
      logits: this.#parts.pool.logits.rowView(slot, 1),
      seen: new TokenSet(this.#parts.config.vocabularySize),
      position: 0,
      pending: undefined,
      job: undefined,
      broken: undefined,
    });
  }

  /** Zeroes a session's slot and gives it back. */
  close(id: number): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    this.#sessions.delete(id);
    session.logits[Symbol.dispose]();
    this.#parts.pool.clear(session.slot);
    this.#freeSlots.push(session.slot);
    this.#events.push({ type: "closed", session: id });
  }

  /** Starts to append tokens. Their ids and their number have been checked. */
  append(id: number, tokens: Int32Array, logits: "last" | "all" | "none"): void {
    const session = this.#idle(id);
    if (!session) return;
    const carried = session.pending === undefined ? 0 : 1;
    const all = new Int32Array(carried + tokens.length);
    if (session.pending !== undefined) all[0] = session.pending;
    all.set(tokens, carried);
    for (const token of tokens) session.seen.add(token);
    session.job = {
      kind: "append",
      tokens: all,
      done: 0,
      carried,
      all: logits === "all"
        ? new Float32Array(tokens.length * this.#parts.config.vocabularySize)
        : undefined,
      last: logits === "last",
    };
    if (all.length > 0) return;
    if (logits === "last" && session.position === 0) {
      session.job = undefined;
      return this.#fail(id, "Cannot give logits: the session is empty; append at least one token");
    }
    this.#finishAppend(session, session.job);
  }

  /** Starts to generate. */
  generate(id: number, request: GenerateRequest): void {
    const session = this.#idle(id);
    if (!session) return;
    const { capacity } = this.#parts.pool;
    if (held(session) === 0) {
      return this.#fail(id, "Cannot generate: the session is empty; append at least one token");
    }
    if (held(session) >= capacity) {
      return this.#fail(id, `Cannot generate: the session is full with ${capacity} tokens`);
    }
    session.job = {
      kind: "generate",
      sampler: new Sampler(request.sampling),
      endTokens: new Set(request.endTokens),
      remaining: request.maxTokens,
      credit: request.credit,
    };
  }

  /** Lets a generation run on for so many more tokens. */
  credit(id: number, tokens: number): void {
    const job = this.#sessions.get(id)?.job;
    if (job?.kind === "generate") job.credit += tokens;
  }

  /** Ends what the session is doing; the tokens that are in stay in. */
  cancel(id: number): void {
    const session = this.#sessions.get(id);
    if (!session?.job) return;
    session.job = undefined;
    this.#events.push({ type: "cancelled", session: id, position: held(session) });
  }

  /** Whether the next step has anything to compute. */
  get busy(): boolean {
    return [...this.#sessions.values()].some(canRun);
  }

  /** Whether a generation waits for its reader. */
  get awaitsReaders(): boolean {
    return [...this.#sessions.values()].some(({ job }) =>
      job?.kind === "generate" && job.credit === 0
    );
  }

  /** One pass for every session that can move on. Returns all that happened since the last step. */
  step(): EngineEvent[] {
    const running = [...this.#sessions.values()].filter(canRun);
    const work: Work[] = running.flatMap((session) => neededWork(session));
    const shares = this.#scheduler.plan(work);
    if (shares.length > 0) {
      const start = performance.now();
      this.#pass(shares);
      this.#scheduler.observe(performance.now() - start);
    }
    for (const session of running) this.#sample(session);
    const events = this.#events;
    this.#events = [];
    return events;
  }

  [Symbol.dispose](): void {
    for (const session of this.#sessions.values()) session.logits[Symbol.dispose]();
    this.#sampling[Symbol.dispose]();
    this.#logitRows[Symbol.dispose]();
  }

  /**
   * Runs the model over `shares`; when that fails, their states are spoilt and their sessions say
   * so.
   */
  #pass(shares: readonly Share[]): void {
    const parts = shares.map((share) => {
      const session = this.#sessions.get(share.session)!;
      return { session, segment: nextSegment(session, share.tokens) };
    });
    try {
      const hidden = this.#parts.model.forward(
        this.#parts.batch.write(parts.map(({ segment }) => segment)),
      );
      this.#collectLogits(hidden, parts);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      for (const { session } of parts) {
        session.broken = message;
        session.job = undefined;
        this.#fail(session.id, message);
      }
      return;
    }
    for (const { session, segment } of parts) this.#advance(session, segment.tokens.length);
  }

  /**
   * Computes the logits of each session's last token, and those of all tokens where they are asked
   * for.
   */
  #collectLogits(
    hidden: Tensor,
    parts: readonly { session: EngineSession; segment: Segment }[],
  ): void {
    const rows: number[] = [];
    const slots: number[] = [];
    let row = 0;
    for (const { session, segment } of parts) {
      const count = segment.tokens.length;
      const { job } = session;
      if (job?.kind === "append" && job.all) {
        const skipped = Math.max(0, job.carried - job.done);
        const first = job.done + skipped - job.carried;
        this.#logitRows.read(hidden, row + skipped, count - skipped, job.all, first);
      }
      row += count;
      rows.push(row - 1);
      slots.push(session.slot);
    }
    this.#logitRows.store(hidden, rows, this.#parts.pool.logits, slots);
  }

  /** Notes that `count` tokens have gone into a session's states. */
  #advance(session: EngineSession, count: number): void {
    const { job } = session;
    session.position += count;
    session.pending = undefined;
    if (job?.kind !== "append") return;
    job.done += count;
    if (job.done === job.tokens.length) this.#finishAppend(session, job);
  }

  #finishAppend(session: EngineSession, job: AppendJob): void {
    session.job = undefined;
    let logits = job.all as Float32Array<ArrayBuffer> | undefined;
    if (job.last) {
      logits = new Float32Array(this.#parts.config.vocabularySize);
      this.#parts.ops.read(session.logits, logits);
    }
    this.#events.push({
      type: "appended",
      session: session.id,
      position: session.position,
      logits,
    });
  }

  /** Chooses the next token of a generation, once all tokens before it are in the states. */
  #sample(session: EngineSession): void {
    const { job } = session;
    if (job?.kind !== "generate" || session.pending !== undefined) return;
    let sample;
    try {
      sample = job.sampler.sample(this.#sampling, session.logits, session.seen);
    } catch (error) {
      session.job = undefined;
      return this.#fail(session.id, error instanceof Error ? error.message : String(error));
    }
    session.pending = sample.id;
    session.seen.add(sample.id);
    job.remaining--;
    job.credit--;
    const ended = job.endTokens.has(sample.id);
    const full = job.remaining === 0 || held(session) >= this.#parts.pool.capacity;
    if (ended || full) session.job = undefined;
    this.#events.push({
      type: "token",
      session: session.id,
      position: held(session),
      ...sample,
      ...(ended ? { finishReason: "stop" } : full ? { finishReason: "length" } : {}),
    });
  }

  /** The session, when it is open and has nothing to do; otherwise it says why not. */
  #idle(id: number): EngineSession | undefined {
    const session = this.#sessions.get(id);
    if (!session) return void this.#fail(id, "The session is closed");
    if (session.broken !== undefined) {
      return void this.#fail(id, `The session was lost when a pass failed: ${session.broken}`);
    }
    if (session.job) {
      return void this.#fail(id, "The session is busy; wait for its append or generate to end");
    }
    return session;
  }

  #fail(id: number, message: string): void {
    const session = this.#sessions.get(id);
    const position = session ? held(session) : 0;
    this.#events.push({ type: "failed", session: id, position, message });
  }
}
