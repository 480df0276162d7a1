/**
 * Opens sessions for one request each: the state comes out of the store, and is back there, for any
 * server to go on with, when the answer ends.
 *
 * @module
 */
import type { Context } from "hono";
import { snapshotFacts } from "../../engine/snapshot.ts";
import type { SessionOptions } from "../../options.ts";
import type { Session } from "../../session.ts";
import { SessionError, type SessionFailure } from "../../session_error.ts";
import { StoreError } from "../../store/store.ts";
import type { ServerContext } from "../context.ts";
import { BINARY } from "../endpoint.ts";
import { ApiError } from "../errors.ts";
import { endOf } from "../stream.ts";

/** Seconds after which a session that is in use may be free. */
const RETRY = { "Retry-After": "1" };

const FAILURES: Partial<Record<SessionFailure, [status: 400 | 404 | 409, code: string]>> = {
  busy: [409, "session_in_use"],
  leased: [409, "session_in_use"],
  lost: [409, "session_lost"],
  absent: [404, "session_not_found"],
  exists: [409, "session_exists"],
  refused: [400, "invalid_value"],
};

/** What every answer says of its session. */
export interface SessionFacts {
  readonly id: string;
  readonly object: "session";
  readonly position: number;
  readonly bytes: number;
  readonly exact: boolean;
  readonly inexact_from?: number;
}

/** What an answer says of an open session. */
export function factsOf(session: Session): SessionFacts {
  const { id, position, bytes, inexactFrom } = session;
  return facts(id, bytes, { position, inexactFrom });
}

/** A session in the store. */
export interface StoredSession {
  readonly facts: SessionFacts;
  /** Its latest tokens, as many as are known. */
  readonly tokens: Int32Array;
  readonly snapshot: Uint8Array<ArrayBuffer>;
}

/** A session in the store, whoever goes on with it. */
export async function storedFacts(
  server: ServerContext,
  id: string,
): Promise<StoredSession> {
  const { runtime } = server;
  const snapshot = await translated(server, () => runtime.storedSession(id));
  const known = snapshotFacts(snapshot);
  return { facts: facts(id, runtime.memory.session, known), tokens: known.tokens, snapshot };
}

/** An answer of bytes, which says in its headers what others say of their session. */
export function bytesOf(data: BodyInit, { position, bytes, exact }: SessionFacts): Response {
  return new Response(data, {
    headers: {
      "Content-Type": BINARY,
      "Session-Position": `${position}`,
      "Session-Bytes": `${bytes}`,
      "Session-Exact": `${exact}`,
    },
  });
}

/** Opens a session, waits for a slot where none is free. */
export async function opened(
  server: ServerContext,
  options: SessionOptions & { id: string },
): Promise<Session> {
  server.record.session = options.id;
  const open = () => server.runtime.session({ ...options, wait: true });
  return await translated(server, () => server.record.spans.around("queue", open));
}

/**
 * Does `work` with a session that the store has. Its result is there once the session is back in
 * the store.
 */
export async function withSession<T>(
  c: Context,
  server: ServerContext,
  work: (session: Session, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = endOf(c, server);
  const session = await opened(server, { id: c.req.param("id")!, exists: true, signal });
  return await translated(server, async () => {
    try {
      return await work(session, signal);
    } finally {
      await session.close();
    }
  });
}

/** Does `work`; what sessions and stores refuse becomes the error that the client is told. */
export async function translated<T>(server: ServerContext, work: () => Promise<T>): Promise<T> {
  if (!server.runtime.store) {
    const message =
      "This server has no store, where sessions are kept: start it with --store memory";
    throw new ApiError(501, message, { code: "no_store" });
  }
  try {
    return await work();
  } catch (error) {
    throw translate(error, server);
  }
}

/** The error that the client is told. */
export function translate(error: unknown, server: ServerContext): unknown {
  if (error instanceof StoreError) {
    server.log(`The store failed: ${error.message}`);
    if (error.reason === "full") {
      const message = "The store has no room for the session: delete others";
      return new ApiError(507, message, { code: "store_full" });
    }
    const message = "The store cannot be used; the session is as it was before this request";
    return new ApiError(503, message, { code: "store_failed", headers: { "Retry-After": "5" } });
  }
  if (!(error instanceof SessionError)) return error;
  const [status, code] = FAILURES[error.reason] ?? [];
  if (!status || !code) return error;
  const mayRetry = status === 409 && error.reason !== "exists";
  return new ApiError(status, error.message, { code, ...(mayRetry ? { headers: RETRY } : {}) });
}

function facts(
  id: string,
  bytes: number,
  { position, inexactFrom }: { position: number; inexactFrom: number | undefined },
): SessionFacts {
  return {
    id,
    object: "session",
    position,
    bytes,
    exact: inexactFrom === undefined,
    ...(inexactFrom === undefined ? {} : { inexact_from: inexactFrom }),
  };
}
