/**
 * Decides what the next pass computes: one token for every session that generates, and pieces of
 * prompts.
 *
 * @module
 */

/** Tokens that a session waits to have computed. */
export interface Work {
  readonly session: number;
  /** Tokens of a prompt that are left; 1 for the next token of a generation. */
  readonly tokens: number;
  readonly kind: "decode" | "prefill";
}

/** Tokens of one session that the next pass computes. */
export interface Share {
  readonly session: number;
  readonly tokens: number;
}

/** What a scheduler keeps to. */
export interface SchedulerLimits {
  /** Tokens of the pieces that prompts are cut into. */
  readonly piece: number;
  /** Most tokens of prompts in one pass, at least a piece. */
  readonly prefill: number;
  /** How long a pass may take (default 50). */
  readonly milliseconds?: number;
}

/** A prompt that waits for its turn. */
interface Prompt {
  readonly session: number;
  left: number;
  /** Tokens that the pass being planned computes. */
  taken: number;
  /** When it last had its turn, or came, in turns of all prompts. */
  turn: number;
}

const STEP_MS = 50;
/** Part of the time of a pass that prompts get, however long the generations take. */
const LEAST_PREFILL = 1 / 4;
/** Weight of the newest measurement. */
const NEWEST = 1 / 2;

/**
 * Prompts are cut at whole pieces counted from their own beginning, never by what else is running:
 * so the result of a session does not depend on its neighbours. What else is running decides only
 * how many pieces go into one pass.
 *
 * All generations take part in every pass. Prompts get the time that is left, as measured passes
 * tell: every other piece goes to the prompt that came first, so that it is done first, and those
 * between go to the other prompts in turn, so that none waits for a long one. Where one piece takes
 * longer than a pass may, passes without prompts come between, so that a generated token takes no
 * longer on average.
 */
export class Scheduler {
  readonly #piece: number;
  readonly #prefill: number;
  readonly #milliseconds: number;
  /** By session, the one that came first ahead. */
  readonly #prompts = new Map<number, Prompt>();
  #turns = 0;
  #firstIsNext = true;
  /** Time that passes have left to prompts, and that was too short for a piece. */
  #saved = 0;
  /** Of the last planned pass: whether anything was generated, and tokens of prompts. */
  #planned = { decodes: false, prefill: 0 };
  /** Milliseconds of a pass without prompts, when one was measured. */
  #decodeCost: number | undefined;
  /** Milliseconds of a prompt's token, when any was measured. */
  #tokenCost: number | undefined;

  constructor({ piece, prefill, milliseconds = STEP_MS }: SchedulerLimits) {
    this.#piece = piece;
    this.#prefill = prefill;
    this.#milliseconds = milliseconds;
  }

  /** Plans one pass. `work` has at most one entry for each session. */
  plan(work: readonly Work[]): Share[] {
    this.#update(work.filter(({ kind }) => kind === "prefill"));
    const shares = work.filter(({ kind }) => kind === "decode")
      .map(({ session }): Share => ({ session, tokens: 1 }));
    const decodes = shares.length > 0;
    const prefill = this.#share(decodes);
    this.#planned = { decodes, prefill };
    for (const prompt of this.#prompts.values()) {
      if (prompt.taken > 0) shares.push({ session: prompt.session, tokens: prompt.taken });
      // The session's next prompt comes later than those that wait now.
      if (prompt.left === 0) this.#prompts.delete(prompt.session);
    }
    return shares;
  }

  /** Learns from how long the last planned pass took; there was something in it. */
  observe(milliseconds: number): void {
    const { decodes, prefill } = this.#planned;
    if (prefill === 0) {
      this.#decodeCost = average(this.#decodeCost, milliseconds);
      return;
    }
    const others = decodes ? this.#decodeCost ?? 0 : 0;
    // The others may have become cheaper since they were measured.
    const own = Math.max(milliseconds - others, milliseconds * LEAST_PREFILL);
    this.#tokenCost = average(this.#tokenCost, own / prefill);
  }

  /** Takes in prompts that have come, and forgets those that no longer wait. */
  #update(work: readonly Work[]): void {
    const waiting = new Set(work.map(({ session }) => session));
    for (const session of this.#prompts.keys()) {
      if (!waiting.has(session)) this.#prompts.delete(session);
    }
    for (const { session, tokens } of work) {
      const prompt = this.#prompts.get(session);
      if (prompt) Object.assign(prompt, { left: tokens, taken: 0 });
      else this.#prompts.set(session, { session, left: tokens, taken: 0, turn: this.#turns++ });
    }
  }

  /** Shares the pass among the prompts, and returns the tokens that they take together. */
  #share(decodes: boolean): number {
    if (this.#prompts.size === 0) {
      this.#saved = 0;
      return 0;
    }
    const others = decodes ? this.#decodeCost ?? 0 : 0;
    const time = Math.max(this.#milliseconds - others, this.#milliseconds * LEAST_PREFILL) +
      this.#saved;
    let room = this.#tokenCost === undefined ? this.#piece : Math.floor(time / this.#tokenCost);
    // With nothing else to do, nobody gains from waiting.
    if (!decodes) room = Math.max(room, this.#piece);
    room = Math.min(room, this.#prefill);
    let taken = 0;
    for (;;) {
      const prompt = this.#next();
      const tokens = Math.min(this.#piece, prompt?.left ?? 0);
      if (!prompt || taken + tokens > room) break;
      taken += tokens;
      prompt.taken += tokens;
      prompt.left -= tokens;
      if (!this.#firstIsNext) prompt.turn = this.#turns++;
      this.#firstIsNext = !this.#firstIsNext;
    }
    this.#saved = taken === 0 ? time : 0;
    return taken;
  }

  /** The prompt that the next piece goes to. */
  #next(): Prompt | undefined {
    const [first, ...others] = [...this.#prompts.values()].filter(({ left }) => left > 0);
    if (!first || this.#firstIsNext || others.length === 0) return first;
    return others.reduce((a, b) => b.turn < a.turn ? b : a);
  }
}

function average(before: number | undefined, newest: number): number {
  return before === undefined ? newest : before + NEWEST * (newest - before);
}
