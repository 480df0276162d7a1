/**
 * Responses that later ones go on from.
 *
 * @module
 */
import type { ChatMessage } from "../../options.ts";

/** Most tokens of all kept responses together. */
const MOST_TOKENS = 2 ** 22;

/** A response and what led to it. */
export interface KeptResponse {
  readonly id: string;
  /** As it was answered. */
  readonly answer: object;
  /** What stands before all messages, as text: instructions and tools. */
  readonly preamble: string;
  /** The conversation with its answer, without instructions. */
  readonly messages: readonly ChatMessage[];
  /** The same as the model read and wrote it. */
  readonly tokens: readonly number[];
}

/** Keeps responses in memory until there are too many; those that were used last stay longest. */
export class KeptResponses {
  readonly #kept = new Map<string, KeptResponse>();
  #tokens = 0;

  get(id: string): KeptResponse | undefined {
    const found = this.#kept.get(id);
    if (!found) return undefined;
    this.#kept.delete(id);
    this.#kept.set(id, found);
    return found;
  }

  add(response: KeptResponse): void {
    this.#kept.set(response.id, response);
    this.#tokens += response.tokens.length;
    for (const id of this.#kept.keys()) {
      if (this.#tokens <= MOST_TOKENS) return;
      this.delete(id);
    }
  }

  /** Whether it was there. */
  delete(id: string): boolean {
    this.#tokens -= this.#kept.get(id)?.tokens.length ?? 0;
    return this.#kept.delete(id);
  }
}
