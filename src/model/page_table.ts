/**
 * Which pages of an attention layer's caches a session holds, and which it gives up when it has no
 * room. Numbers only: the keys and values stand in the caches.
 *
 * @module
 */
import { PAGE_TOKENS } from "../ops.ts";
import { nthLeast } from "./nth_least.ts";

/** Pages that a full-attention layer needs at least: see {@linkcode PageTable.prepare}. */
export const LEAST_PAGES = 6;

/** Share of the pages of which the scores count as the best, for what is evicted last. */
const BEST_SHARE = 0.25;

/** What a {@linkcode PageTable} is made from. */
export interface PageTableOptions {
  /** The first of the pages that the session may use in the caches. */
  readonly firstPage: number;
  /** How many there are, and so how many can be held at once. */
  readonly pages: number;
  /** Tokens that a query sees, itself included; 0 for all. */
  readonly window: number;
  /**
   * Greatest distance of a query from a key, plus one: the length that the model was trained to.
   */
  readonly trainedLength: number;
}

/** One page that is held. */
export interface HeldPage {
  readonly page: number;
  /** Position of its first token. */
  readonly start: number;
  /** Position of the last token for which it was among the best-scoring pages. */
  readonly used: number;
}

/** What a table holds, apart from where: the pages in the order of their positions. */
export interface PageTableState {
  readonly starts: readonly number[];
  readonly used: readonly number[];
  /** Position of the first token that did not attend to all tokens before it. */
  readonly inexactFrom: number | undefined;
}

/**
 * The pages of one session in one layer, or in several layers whose pages are always the same.
 *
 * A window's table drops pages that no later query sees. A table without a window keeps every page
 * until it is full; then it evicts the one that has longest not been among the best-scoring pages,
 * but never the first page, which attention leans on whatever it holds, nor the most recent ones.
 */
export class PageTable {
  readonly #options: PageTableOptions;
  readonly #recent: number;
  readonly #held: (HeldPage & { used: number })[] = [];
  readonly #free: number[];
  /** Room for scores in another order; allocated once, as every token needs it. */
  readonly #ranked: Float32Array<ArrayBuffer>;
  #inexactFrom: number | undefined;
  #version = 0;
  #touched = 0;

  constructor(options: PageTableOptions) {
    this.#options = options;
    this.#recent = Math.floor(options.pages / 4);
    this.#ranked = new Float32Array(options.pages);
    // Taken from the end: the first page first.
    this.#free = Array.from(
      { length: options.pages },
      (_, i) => options.firstPage + options.pages - 1 - i,
    );
  }

  /** The pages that are held, in the order of their positions. */
  get held(): readonly HeldPage[] {
    return this.#held;
  }

  /** Changes whenever the pages do. */
  get version(): number {
    return this.#version;
  }

  /** How many pages, from the first on, have ever been held. */
  get touched(): number {
    return this.#touched;
  }

  /** Most recent pages that are never evicted. */
  get recent(): number {
    return this.#recent;
  }

  /** Position of the first token that did not attend to all tokens before it, if there is one. */
  get inexactFrom(): number | undefined {
    return this.#inexactFrom;
  }

  /**
   * Takes pages for `count` tokens from position `first` on, which follow those that it holds. Room
   * is made before: `count` is at most 16 · (pages − 1 − recent) for a table without a window, and
   * with one the pages hold the window and `count` more.
   */
  prepare(first: number, count: number): void {
    const { window } = this.#options;
    const end = first + count;
    const covered = (this.#held.at(-1)?.start ?? first - first % PAGE_TOKENS - PAGE_TOKENS) +
      PAGE_TOKENS;
    const added = Math.max(0, Math.ceil((end - covered) / PAGE_TOKENS));
    if (window > 0) this.#dropBefore(first - window + 1);
    while (this.#free.length < added) this.#evict(first);
    for (let start = covered; start < end; start += PAGE_TOKENS) {
      this.#take(start, end - 1);
    }
    if (added > 0) this.#version++;
  }

  /** Row of the caches in which a held position stands. */
  row(position: number): number {
    const { page, start } = this.#held.findLast((held) => held.start <= position)!;
    return page * PAGE_TOKENS + position - start;
  }

  /**
   * For each held page, how many positions nearer it is moved for queries up to position `last`, so
   * that none is further away than the trained length. What is closed is the gaps that evicted
   * pages left, the oldest first; until the session is that long, nothing moves.
   */
  shifts(last: number): number[] {
    const first = this.#held[0]?.start ?? 0;
    const excess = last - first - (this.#options.trainedLength - 1);
    // Whole pages at a time, so that the shifts change rarely.
    let shift = Math.max(0, Math.ceil(excess / PAGE_TOKENS) * PAGE_TOKENS);
    if (this.#options.window > 0) shift = 0;
    return this.#held.map(({ start }, i) => {
      const gap = i === 0 ? 0 : start - this.#held[i - 1]!.start - PAGE_TOKENS;
      return shift = Math.max(0, shift - gap);
    });
  }

  /** Notes that tokens from `position` on read only some of the pages. */
  noteUnread(position: number): void {
    this.#inexactFrom ??= position;
  }

  /** Notes the scores of the held pages for queries up to position `last`. */
  score(scores: Float32Array, last: number): void {
    const count = this.#held.length;
    const ranked = this.#ranked.subarray(0, count);
    ranked.set(scores.subarray(0, count));
    const least = nthLeast(ranked, count - Math.ceil(count * BEST_SHARE));
    for (let i = 0; i < count; i++) {
      if (scores[i]! >= least) this.#held[i]!.used = last;
    }
  }

  /** What the table holds. */
  get state(): PageTableState {
    return {
      starts: this.#held.map(({ start }) => start),
      used: this.#held.map(({ used }) => used),
      inexactFrom: this.#inexactFrom,
    };
  }

  /** Takes pages for what another table held. */
  restore({ starts, used, inexactFrom }: PageTableState): void {
    this.clear();
    if (starts.length > this.#free.length) {
      throw new RangeError(
        `The snapshot holds ${starts.length} pages of attention and a session here ` +
          `${this.#free.length}; load the model with an attentionBudget of at least ` +
          `${starts.length * PAGE_TOKENS}`,
      );
    }
    starts.forEach((start, i) => this.#take(start, used[i]!));
    this.#inexactFrom = inexactFrom;
  }

  /** Gives every page back. */
  clear(): void {
    for (const { page } of this.#held.splice(0).reverse()) this.#free.push(page);
    this.#inexactFrom = undefined;
    this.#version++;
  }

  #take(start: number, used: number): void {
    const page = this.#free.pop()!;
    this.#held.push({ page, start, used });
    this.#touched = Math.max(this.#touched, page - this.#options.firstPage + 1);
  }

  #dropBefore(lowest: number): void {
    while (this.#held.length > 0 && this.#held[0]!.start + PAGE_TOKENS <= lowest) {
      this.#free.push(this.#held.shift()!.page);
      this.#version++;
    }
  }

  /** Gives up the page that has longest not been among the best; of several, the oldest. */
  #evict(position: number): void {
    let victim = 1;
    for (let i = 2; i < this.#held.length - this.#recent; i++) {
      if (this.#held[i]!.used < this.#held[victim]!.used) victim = i;
    }
    const [evicted] = this.#held.splice(victim, 1);
    this.#free.push(evicted!.page);
    this.#inexactFrom ??= position;
    this.#version++;
  }
}
