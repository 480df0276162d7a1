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

/**
 * Prompts are cut into pieces of `piece` tokens counted from their own beginning, never by what
 * else is running: so the result of a session does not depend on its neighbours. All generations
 * take part in every pass; prompts take turns, and as many whole pieces as fit into `piece` tokens
 * go together.
 */
export class Scheduler {
  readonly #piece: number;
  /** Sessions with prompts, the one served longest ago first. */
  #turns: number[] = [];

  constructor(piece: number) {
    this.#piece = piece;
  }

  /** Plans one pass. `work` has at most one entry for each session. */
  plan(work: readonly Work[]): Share[] {
    const shares: Share[] = work.filter((item) => item.kind === "decode")
      .map(({ session }) => ({ session, tokens: 1 }));
    const prompts = new Map(
      work.filter((item) => item.kind === "prefill").map((item) => [item.session, item.tokens]),
    );
    const known = this.#turns.filter((session) => prompts.has(session));
    this.#turns = [...known, ...[...prompts.keys()].filter((session) => !known.includes(session))];
    let room = this.#piece;
    const served: number[] = [];
    for (const session of this.#turns) {
      const tokens = Math.min(this.#piece, prompts.get(session)!);
      if (tokens > room) continue;
      room -= tokens;
      shares.push({ session, tokens });
      served.push(session);
    }
    this.#turns = [...this.#turns.filter((session) => !served.includes(session)), ...served];
    return shares;
  }
}
