/**
 * The engine: sessions, and the step that computes the next tokens of all of them in one batch. It
 * knows token ids and numbers, no text, and nothing in it waits.
 *
 * @module
 */
import type { Reuse } from "../options.ts";
import type { EngineEvent, GenerateRequest } from "../protocol.ts";
import { type CheckpointOptions, Checkpoints } from "./checkpoints.ts";
import { EventLog, factsOf } from "./event_log.ts";
import { generateToken } from "./generate_token.ts";
import { ModelPass, type PassParts } from "./model_pass.ts";
import { SamplerScratch } from "./sampler.ts";
import { Scheduler, type Share } from "./scheduler.ts";
import {
  type AppendJob,
  appendJob,
  type AppendLogits,
  awaitsOther,
  canRun,
  type EngineSession,
  expectRoom,
  generateJob,
  held,
  neededWork,
  nextSegment,
} from "./session.ts";
import { exportSession, importSession, type SessionState } from "./session_state.ts";
import { Sessions } from "./sessions.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import type { TokenMask } from "./token_mask.ts";

/** What an engine runs on. It owns none of it. */
export interface EngineParts extends PassParts {
  /** Tokens of the pieces that prompts are cut into. */
  readonly deltaChunk: number;
  /** Most tokens of prompts that go through the model in one pass. */
  readonly prefillPiece: number;
  /** Tells this model from others. */
  readonly fingerprint: string;
  readonly checkpoints: CheckpointOptions;
}

/** Open sessions and the passes that move them on. */
export class Engine implements Disposable {
  readonly #parts: EngineParts;
  readonly #sessions: Sessions;
  readonly #scheduler: Scheduler;
  readonly #sampling: SamplerScratch;
  readonly #modelPass: ModelPass;
  readonly #checkpoints: Checkpoints;
  readonly #events = new EventLog();

  constructor(parts: EngineParts) {
    const { ops, config, pool } = parts;
    this.#parts = parts;
    this.#sessions = new Sessions(config, pool);
    this.#scheduler = new Scheduler({ piece: parts.deltaChunk, prefill: parts.prefillPiece });
    this.#sampling = new SamplerScratch(ops, config.vocabularySize);
    this.#modelPass = new ModelPass(parts);
    this.#checkpoints = new Checkpoints(ops, pool, parts.checkpoints);
  }

  /** Opens an empty session whose full attention holds at most `attentionBudget` tokens. */
  open(id: number, attentionBudget: number): void {
    this.#opened(id, () => ({ attentionBudget }));
  }

  /** Opens a session with the state of a snapshot. */
  restore(id: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.#opened(id, () => {
      const state = decodeSnapshot(bytes, this.#parts.fingerprint);
      return { attentionBudget: state.attentionBudget, state };
    });
  }

  /** Opens a session with the state of another one. */
  fork(id: number, from: number): void {
    this.#opened(id, () => {
      const { ops, pool } = this.#parts;
      const state = exportSession(ops, pool, this.#sessions.idle(from));
      return { attentionBudget: state.attentionBudget, state };
    });
  }

  /** Gives a session's state as bytes. */
  snapshot(id: number): void {
    this.#command(id, (session) => {
      const state = exportSession(this.#parts.ops, this.#parts.pool, session);
      const bytes = encodeSnapshot(state, this.#parts.fingerprint);
      const tokens = session.history.beginning(session.position);
      this.#events.push({ type: "snapshot", ...factsOf(session), bytes, tokens });
    });
  }

  /** Zeroes a session's slot and gives it back. */
  close(id: number): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    this.#checkpoints.forget(session, 0);
    this.#sessions.close(session);
    this.#events.push({ type: "closed", session: id });
  }

  /** Tells how many of the tokens at the front of a prompt need not be computed. */
  probe(id: number, tokens: Int32Array): void {
    this.#command(id, (session) => {
      const known = this.#checkpoints.known(session, tokens);
      this.#events.push({ type: "probed", ...factsOf(session), known });
    });
  }

  /**
   * Starts to append tokens, whose ids have been checked. `prefix` is the snapshot of a session
   * that held some of the first of them.
   */
  append(
    id: number,
    tokens: Int32Array,
    logits: AppendLogits,
    prefix?: Uint8Array<ArrayBuffer>,
  ): void {
    this.#command(id, (session) => {
      expectRoom(session, tokens.length);
      const isFirst = held(session) === 0 && tokens.length > 0;
      const reuse = isFirst
        ? this.#checkpoints.reuse(session, tokens, logits, prefix)
        : { tokens: 0 };
      this.#startAppend(session, tokens.subarray(reuse.tokens), logits, reuse);
    });
  }

  /** Goes back to where the session held `position` tokens. */
  rewind(id: number, position: number): void {
    this.#command(id, (session) => {
      const clear = () => this.#sessions.clear(session);
      const rest = this.#checkpoints.rewind(session, position, clear);
      this.#startAppend(session, rest, "none", { tokens: position - rest.length });
    });
  }

  /** Starts to generate; the tokens are held to `mask`. */
  generate(id: number, request: GenerateRequest, mask?: TokenMask): void {
    this.#command(id, (session) => {
      session.job = generateJob(session, request, mask);
    });
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
    this.#endJob(session);
    this.#events.push({ type: "cancelled", ...factsOf(session) });
  }

  /** Whether the next step has anything to compute. */
  get busy(): boolean {
    return this.#sessions.all.some(canRun);
  }

  /** Whether a generation waits for its reader, or for what its next token may be. */
  get awaitsOthers(): boolean {
    return this.#sessions.all.some(awaitsOther);
  }

  /** One pass for every session that can move on. Returns all that happened since the last step. */
  step(): EngineEvent[] {
    const running = this.#sessions.all.filter(canRun);
    const shares = this.#scheduler.plan(running.flatMap(neededWork));
    if (shares.length > 0) this.#pass(shares);
    for (const session of running) this.#sample(session);
    return this.#events.take();
  }

  [Symbol.dispose](): void {
    this.#sessions[Symbol.dispose]();
    this.#sampling[Symbol.dispose]();
    this.#modelPass[Symbol.dispose]();
  }

  /** Runs a command on a session that has nothing else to do; what it throws is told. */
  #command(id: number, run: (session: EngineSession) => void): void {
    try {
      run(this.#sessions.idle(id));
    } catch (error) {
      this.#events.fail(id, this.#sessions.get(id), error);
    }
  }

  /** Opens a session, with a state when `prepare` gives one; when that fails, it closes again. */
  #opened(
    id: number,
    prepare: () => Pick<SessionState, "attentionBudget"> & { state?: SessionState },
  ): void {
    let session: EngineSession | undefined;
    try {
      const { attentionBudget, state } = prepare();
      session = this.#sessions.open(id, attentionBudget);
      if (state) importSession(this.#parts.ops, this.#parts.pool, session, state);
      this.#events.push({ type: "opened", ...factsOf(session), attentionBudget });
    } catch (error) {
      this.#events.fail(id, undefined, error);
      if (session) this.#sessions.close(session);
      this.#events.push({ type: "closed", session: id });
    }
  }

  #startAppend(
    session: EngineSession,
    tokens: Int32Array,
    logits: AppendLogits,
    reuse: Reuse,
  ): void {
    if (logits === "last" && held(session) + tokens.length === 0) {
      throw new Error("Cannot give logits: the session is empty; append at least one token");
    }
    const { vocabularySize } = this.#parts.config;
    const job = appendJob(session, tokens, logits, vocabularySize, reuse);
    session.job = job;
    if (job.tokens.length === 0) this.#finishAppend(session, job);
  }

  /** Runs the model over `shares`; when that fails, their states are spoilt and they say so. */
  #pass(shares: readonly Share[]): void {
    const parts = shares.map((share) => {
      const session = this.#sessions.get(share.session)!;
      return { session, segment: nextSegment(session, share.tokens) };
    });
    try {
      const start = performance.now();
      this.#modelPass.run(parts);
      this.#scheduler.observe(performance.now() - start);
    } catch (error) {
      for (const { session } of parts) {
        session.broken = error instanceof Error ? error.message : String(error);
        session.job = undefined;
        this.#events.fail(session.id, session, error);
      }
      return;
    }
    for (const { session, segment } of parts) this.#advance(session, segment.tokens);
  }

  /** Notes that tokens have gone into a session's states. */
  #advance(session: EngineSession, tokens: ArrayLike<number>): void {
    const { job } = session;
    for (let i = session.pending === undefined ? 0 : 1; i < tokens.length; i++) {
      session.history.push(tokens[i]!);
      session.seen.add(tokens[i]!);
    }
    session.position += tokens.length;
    session.pending = undefined;
    this.#checkpoints.keepInterval(session);
    if (job?.kind !== "append") return;
    job.done += tokens.length;
    if (job.done === job.tokens.length) this.#finishAppend(session, job);
  }

  #finishAppend(session: EngineSession, job: AppendJob): void {
    session.job = undefined;
    this.#checkpoints.keepEnd(session);
    let logits = job.all as Float32Array<ArrayBuffer> | undefined;
    if (job.last) {
      logits = new Float32Array(this.#parts.config.vocabularySize);
      this.#parts.ops.read(session.logits, logits);
    }
    this.#events.push({ type: "appended", ...factsOf(session), logits, reuse: job.reuse });
  }

  /** Chooses the next token of a generation, once all tokens before it are in the states. */
  #sample(session: EngineSession): void {
    const { job } = session;
    if (job?.kind !== "generate" || session.pending !== undefined) return;
    if (job.mask?.ready === false) return;
    try {
      const token = generateToken(session, job, this.#sampling);
      if (token.finishReason) this.#endJob(session);
      this.#events.push({ type: "token", ...factsOf(session), ...token });
    } catch (error) {
      session.job = undefined;
      this.#events.fail(session.id, session, error);
    }
  }

  /** Ends a job; what the sampler has come to stays, for a generation that goes on. */
  #endJob(session: EngineSession): void {
    if (session.job?.kind === "generate") {
      session.sampler = session.job.sampler.state;
      this.#checkpoints.keepEnd(session);
    }
    session.job = undefined;
  }
}
