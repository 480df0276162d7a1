/**
 * A conversation whose turns may be taken in several sessions, and what its tests ask of them.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import type { Runtime } from "../src/runtime.ts";
import type { Session } from "../src/session.ts";
import { SessionError, type SessionFailure } from "../src/session_error.ts";
import { loadFable } from "./fable.ts";
import { delay } from "./stores.ts";

export const SAMPLING = { temperature: 0.9, repetitionPenalty: 1.1, ignoreEos: true };
export const PROMPT = "Once upon a time there was a fox";
export const TURNS = [PROMPT, " said the king.", " But the fox", " At last"];
/** Long enough for a turn of a runtime that runs, short enough to wait for one that does not. */
export const SHORT = 600;

export async function take(session: Session, count: number, seed?: number): Promise<number[]> {
  const ids: number[] = [];
  const options = { ...SAMPLING, maxTokens: count, ...(seed === undefined ? {} : { seed }) };
  for await (const { id } of session.generate(options)) ids.push(id);
  return ids;
}

/** One turn of a conversation. */
export async function turn(session: Session, index: number): Promise<number[]> {
  await session.append(TURNS[index]!, { logits: "none" });
  return await take(session, 12, index === 0 ? 3 : undefined);
}

/** All turns in one session that never leaves its slot. */
export async function alone(): Promise<number[][]> {
  await using runtime = await loadFable();
  await using session = await runtime.session();
  const all: number[][] = [];
  for (const index of TURNS.keys()) all.push(await turn(session, index));
  return all;
}

export async function assertRefused(
  reason: SessionFailure,
  work: () => Promise<unknown>,
  text: string,
): Promise<void> {
  const error = await assertRejects(work, SessionError, text);
  assertEquals(error.reason, reason, error.message);
}

/** Opens a session as soon as its lease lets it. */
export async function openedOnceFree(runtime: Runtime, id: string): Promise<Session> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    try {
      return await runtime.session({ id, exists: true });
    } catch (error) {
      if (!(error instanceof SessionError) || error.reason !== "leased") throw error;
      await delay(10);
    }
  }
  throw new Error(`The session ${id} does not become free`);
}
