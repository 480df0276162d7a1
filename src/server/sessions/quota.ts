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
    if (await count(store, own) >= most) throw tooMany(most);
    const session = await open();
    try {
      await store.put(own + session.id, NOTHING, { keep: true });
      // Others may have begun meanwhile.
      if (await count(store, own) > most) throw tooMany(most);
    } catch (error) {
      // Nobody has heard of it, so nobody else would free its slot.
      await session.delete();
      await store.delete(own + session.id);
      throw error;
    }
    await session.close();
    return session;
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

function tooMany(most: number): ApiError {
  return new ApiError(429, `You have ${most} sessions, as many as you may: delete one first`, {
    code: "too_many_sessions",
    // OpenAI's clients would only ask again.
    headers: { "X-Should-Retry": "false" },
  });
}
