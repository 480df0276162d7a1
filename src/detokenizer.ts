/**
 * Text of a stream of tokens.
 *
 * @module
 */
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Turns tokens into text one by one. Gives whole characters only, and nothing that may yet turn out
 * to begin a stop text. What all calls return together is `tokenizer.decode` of the ids, cut where
 * the first stop text begins.
 *
 * The first stop text is the one that is complete first, wherever tokens begin and end; of those
 * that are complete with the same character, the longest.
 */
export class Detokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #stop: readonly string[];
  /** Keeps the bytes of an unfinished character. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #longestHold: number;
  /** Text that may begin a stop text. */
  #held = "";
  #stopped = false;

  /** Throws a `TypeError` for a stop text that is empty or has half of a surrogate pair. */
  constructor(tokenizer: Tokenizer, stop: readonly string[] = []) {
    for (const text of stop) {
      if (text === "") throw new TypeError("A stop text is empty: pass one character or more");
      if (!text.isWellFormed()) {
        throw new TypeError("A stop text has half of a surrogate pair: pass whole characters");
      }
    }
    this.#tokenizer = tokenizer;
    this.#stop = [...stop];
    this.#longestHold = Math.max(0, ...stop.map((text) => text.length - 1));
  }

  /** Whether a stop text is complete. Further tokens give no text. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * The text that has become certain with a token. Special tokens have none, nor have ids without a
   * token, with which a model's vocabulary may be padded.
   */
  push(id: number): string {
    const tokenizer = this.#tokenizer;
    if (this.#stopped || tokenizer.isSpecial(id) || !tokenizer.has(id)) return "";
    return this.#release(this.#decoder.decode(tokenizer.bytes(id), { stream: true }), true);
  }

  /** The rest of the text, at the end of the stream. An unfinished character becomes U+FFFD. */
  flush(): string {
    return this.#stopped ? "" : this.#release(this.#decoder.decode(), false);
  }

  /** Adds `text` and takes what is certain; `more` says whether more may follow. */
  #release(text: string, more: boolean): string {
    const all = this.#held + text;
    const end = this.#firstStop(all);
    const certain = end ?? all.length - (more ? this.#holdLength(all) : 0);
    this.#stopped = end !== undefined;
    this.#held = this.#stopped ? "" : all.slice(certain);
    return all.slice(0, certain);
  }

  /** Where the first stop text begins. */
  #firstStop(text: string): number | undefined {
    let first: { start: number; end: number } | undefined;
    for (const stop of this.#stop) {
      const start = text.indexOf(stop);
      const end = start + stop.length;
      if (start < 0) continue;
      if (!first || end < first.end || end === first.end && start < first.start) {
        first = { start, end };
      }
    }
    return first?.start;
  }

  /** Length of the longest end of `text` that begins a stop text. */
  #holdLength(text: string): number {
    for (let length = Math.min(this.#longestHold, text.length); length > 0; length--) {
      const tail = text.slice(-length);
      if (this.#stop.some((stop) => stop.startsWith(tail))) return length;
    }
    return 0;
  }
}
