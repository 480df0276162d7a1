/**
 * What has happened since the last step, for the main isolate.
 *
 * @module
 */
import type { EngineEvent } from "../protocol.ts";
import { type EngineSession, held, inexactFrom } from "./session.ts";

/** Collects events. */
export class EventLog {
  #events: EngineEvent[] = [];

  push(event: EngineEvent): void {
    this.#events.push(event);
  }

  /** Tells that what a session was asked for cannot be done. */
  fail(id: number, session: EngineSession | undefined, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const facts = session ? factsOf(session) : { session: id, position: 0 };
    const refused = error instanceof TypeError || error instanceof RangeError;
    this.#events.push({ type: "failed", ...facts, message, refused });
  }

  /** All events so far, which are then forgotten. */
  take(): EngineEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

/** What every event tells of its session. */
export function factsOf(session: EngineSession): {
  session: number;
  position: number;
  inexactFrom?: number;
} {
  const from = inexactFrom(session);
  const position = held(session);
  return { session: session.id, position, ...(from === undefined ? {} : { inexactFrom: from }) };
}
