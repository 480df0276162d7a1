/**
 * Responses that later ones go on from, and those that are being made.
 *
 * @module
 */
import type { ChatMessage } from "../../options.ts";
import type { Runtime } from "../../runtime.ts";
import { MemoryStore } from "../../store/memory.ts";
import type { SnapshotStore } from "../../store/store.ts";
import { RunningResponse } from "./running.ts";
import type { ResponseAnswer } from "./schemas.ts";

/** Most bytes of all responses of a server that has no store. */
const MOST_BYTES = 2 ** 25;

/** A response and what led to it. */
export interface KeptResponse {
  /** As it was answered. */
  readonly answer: ResponseAnswer;
  /** What stands before all messages, as text: instructions and tools. */
  readonly preamble: string;
  /** The conversation with its answer, without instructions. */
  readonly messages: readonly ChatMessage[];
  /** The same as the model read and wrote it. */
  readonly tokens: readonly number[];
}

/**
 * The responses of a server: those that have ended in its runtime's store, for all servers that
 * share it, where they make room for others; in memory when there is none.
 */
export class KeptResponses {
  readonly #store: SnapshotStore;
  readonly #prefix: string;
  readonly #running = new Map<string, RunningResponse>();

  constructor({ store, name }: Pick<Runtime, "store" | "name">) {
    this.#store = store ?? new MemoryStore({ maxBytes: MOST_BYTES });
    this.#prefix = `response/${name}/`;
  }

  /** One that has ended. */
  async get(id: string): Promise<KeptResponse | undefined> {
    const bytes = await this.#store.get(this.#key(id));
    return bytes && JSON.parse(new TextDecoder().decode(bytes));
  }

  async add(response: KeptResponse): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(response));
    await this.#store.put(this.#key(response.answer.id), bytes);
  }

  async delete(id: string): Promise<void> {
    await this.#store.delete(this.#key(id));
  }

  /** Notes that a response is being made here, until what is returned is disposed. */
  begin(answer: ResponseAnswer): RunningResponse {
    const running = new RunningResponse(answer, () => this.#running.delete(answer.id));
    this.#running.set(answer.id, running);
    return running;
  }

  /** One that is being made here. */
  running(id: string): RunningResponse | undefined {
    return this.#running.get(id);
  }

  #key(id: string): string {
    return this.#prefix + id.toWellFormed();
  }
}
