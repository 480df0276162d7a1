/**
 * The open sessions of a runtime and the slots that they share.
 *
 * @module
 */
import type { SessionOptions } from "./options.ts";
import type { Session } from "./session.ts";
import type { SlotQueue } from "./slot_queue.ts";

/** A session that has nothing to do for so long is idle: most get their next task at once. */
const GRACE_MS = 20;

/** Sessions with a slot and parked ones. Where they can be parked, idle ones make room. */
export class OpenSessions {
  readonly #slots: SlotQueue;
  readonly #canPark: boolean;
  readonly #all = new Set<Session>();
  /** Sessions that are being parked. */
  #leaving = 0;
  /** Runs until a session has been idle for long enough. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(slots: SlotQueue, canPark: boolean) {
    this.#slots = slots;
    this.#canPark = canPark;
  }

  /** Slots in use, and those that wait for one. */
  get load(): { open: number; waiting: number } {
    return { open: this.#slots.taken, waiting: this.#slots.waiting };
  }

  /** Those that have a name. */
  get named(): Session[] {
    return [...this.#all].filter(({ named }) => named);
  }

  add(session: Session): void {
    this.#all.add(session);
    this.makeRoom();
  }

  delete(session: Session): void {
    this.#all.delete(session);
  }

  /**
   * Takes a free slot, or that of the session that has been idle longest.
   *
   * @throws {Error} None is free or idle and `wait` is not set, too many wait, or the store failed.
   */
  async takeSlot({ wait = false, signal }: SessionOptions): Promise<void> {
    const turn = this.#slots.take(wait || this.#longestIdle() !== undefined, signal);
    this.makeRoom();
    await turn;
  }

  releaseSlot(): void {
    this.#slots.release();
  }

  /** Parks idle sessions, as many as others wait for. */
  makeRoom(): void {
    while (this.#slots.waiting > this.#leaving) {
      const session = this.#longestIdle();
      if (!session) return;
      const early = session.idleSince! + GRACE_MS - performance.now();
      if (early > 0) return this.#makeRoomIn(early);
      this.#leaving++;
      session.park()
        // A session that is closed meanwhile makes room as well.
        .catch((error) => this.#all.has(session) && this.#slots.turnAway(error))
        .finally(() => {
          this.#leaving--;
          this.makeRoom();
        });
    }
  }

  /** Turns away who waits for a slot, and closes all sessions. */
  async close(): Promise<void> {
    this.#slots.close();
    clearTimeout(this.#timer);
    await Promise.all([...this.#all].map((session) => session.close()));
  }

  #makeRoomIn(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.makeRoom();
    }, milliseconds);
  }

  #longestIdle(): Session | undefined {
    if (!this.#canPark) return undefined;
    return [...this.#all].filter(({ idleSince }) => idleSince !== undefined)
      .sort((a, b) => a.idleSince! - b.idleSince!)[0];
  }
}
