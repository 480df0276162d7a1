/**
 * Counts the sessions that each key has in the store, for all servers that share it.
 *
 * @module
 */
import type { Session } from "../../session.ts";
import type { SnapshotStore } from "../../store/store.ts";
import type { ServerContext } from "../context.ts";
import { ApiError } from "../errors.ts";
import { translated } from "./use.ts";

/** In place of bytes: a key of the store says all. */
const NOTHING = new Uint8Array();

/** A session that has been counted for so long is in the store, unless its server has died. */
const LOST_MS = 60_000;

/**
 * Opens a session that is not there yet with `open` and leaves it in the store. Throws an
 * {@linkcode ApiError} when the request's key has as many as it may have.
 */
export async function begin(server: ServerContext, open: () => Promise<Session>): Promise<Session> {
  return await translated(server, async () => {
    const { runtime: { store }, sessionsPerKey: most } = server;
    if (!store || most === undefined) {
      const session = await open();
      await session.close();
      return session;
    }
    const own = `${prefix(server)}${server.record.key ?? ""}/`;
    if (await count(store, own) >= most) await forgetLost(server, store, own);
    if (await count(store, own) >= most) throw tooMany(most);
    const session = await open();
    try {
      await store.put(own + session.id, NOTHING, { keep: true });
      // Others may have begun meanwhile.
      if (await count(store, own) > most) throw tooMany(most);
      await session.close();
      return session;
    } catch (error) {
      // Nobody has heard of it, so nobody else would free its slot. What fails here, too, is
      // forgotten in time: the client is told the first error.
      await Promise.allSettled([session.delete(), store.delete(own + session.id)]);
      throw error;
    }
  });
}

/** Ends a session for good, whoever began it. */
export async function end(server: ServerContext, id: string): Promise<void> {
  await translated(server, async () => {
    const { store } = server.runtime;
    await server.runtime.deleteSession(id);
    for await (const { key } of store!.list(prefix(server))) {
      if (key.endsWith(`/${id}`)) await store!.delete(key);
    }
  });
}

function prefix({ runtime }: ServerContext): string {
  return `session-of/${runtime.name}/`;
}

async function count(store: SnapshotStore, prefix: string): Promise<number> {
  return (await Array.fromAsync(store.list(prefix))).length;
}

/** Counts no more what was counted by servers that died before the session was in the store. */
async function forgetLost(
  { runtime }: ServerContext,
  store: SnapshotStore,
  own: string,
): Promise<void> {
  const known = new Set<string>();
  for await (const { id } of runtime.namedSessions()) known.add(own + id);
  for await (const { key, usedAt } of store.list(own)) {
    if (!known.has(key) && Date.now() - usedAt > LOST_MS) await store.delete(key);
  }
}

function tooMany(most: number): ApiError {
  return new ApiError(429, `You have ${most} sessions, as many as you may: delete one first`, {
    code: "too_many_sessions",
    // OpenAI's clients would only ask again.
    headers: { "X-Should-Retry": "false" },
  });
}
