/**
 * The routes of sessions: conversations whose state stays at the server, or at whichever server
 * shares its store.
 *
 * @module
 */
import { received } from "../body.ts";
import type { ServerContext } from "../context.ts";
import { BINARY, type Endpoint, endpoint } from "../endpoint.ts";
import { ApiError } from "../errors.ts";
import { endOf } from "../stream.ts";
import { begin, end } from "./quota.ts";
import {
  createBody,
  deletedAnswer,
  forkBody,
  sessionAnswer,
  sessionId,
  sessionsAnswer,
  tokensAnswer,
} from "./schemas.ts";
import { appendToSession, generateInSession, logitsOfSession, rewindSession } from "./turns.ts";
import { bytesOf, factsOf, opened, storedFacts, translated } from "./use.ts";

const createSession = endpoint({
  method: "post",
  path: "/v1/sessions",
  summary: "Begin a session",
  body: createBody,
  gives: sessionAnswer,
  answer: async (c, server, body) => {
    const { attention_budget: attentionBudget } = body;
    const most = server.runtime.attentionBudget;
    if (attentionBudget && attentionBudget > most) {
      const message = `"attention_budget" is ${attentionBudget}: pass at most ${most}`;
      throw new ApiError(400, message, { param: "attention_budget", code: "invalid_value" });
    }
    const options = {
      id: body.id ?? crypto.randomUUID(),
      exists: false,
      signal: endOf(c, server),
      ...(attentionBudget ? { attentionBudget } : {}),
    };
    return c.json(factsOf(await begin(server, () => opened(server, options))));
  },
});

const listSessions = endpoint({
  method: "get",
  path: "/v1/sessions",
  summary: "The sessions that there are",
  gives: sessionsAnswer,
  answer: async (c, server) => {
    const entries = await translated(
      server,
      () => Array.fromAsync(server.runtime.namedSessions()),
    );
    const data = entries.map(({ id, state, bytes, usedAt }) => ({
      id,
      object: "session",
      state,
      bytes: server.runtime.memory.session,
      stored_bytes: bytes,
      used_at: Math.floor(usedAt / 1000),
    }));
    return c.json({ object: "list", data });
  },
});

const showSession = endpoint({
  method: "get",
  path: "/v1/sessions/{id}",
  summary: "A session at the end of its last turn",
  gives: sessionAnswer,
  answer: async (c, server) => c.json((await storedFacts(server, c.req.param("id")!)).facts),
});

const tokensOfSession = endpoint({
  method: "get",
  path: "/v1/sessions/{id}/tokens",
  summary: "The latest tokens of a session at the end of its last turn, from position `first` on",
  gives: tokensAnswer,
  answer: async (c, server) => {
    const { facts, tokens } = await storedFacts(server, c.req.param("id")!);
    return c.json({ ...facts, first: facts.position - tokens.length, token_ids: [...tokens] });
  },
});

const deleteSession = endpoint({
  method: "delete",
  path: "/v1/sessions/{id}",
  summary: "End a session for good",
  gives: deletedAnswer,
  answer: async (c, server) => {
    const id = c.req.param("id")!;
    await end(server, id);
    return c.json({ id, object: "session", deleted: true });
  },
});

const parkSession = endpoint({
  method: "post",
  path: "/v1/sessions/{id}/park",
  summary: "See to it that a session has no slot, and is in the store for any server",
  gives: sessionAnswer,
  answer: async (c, server) => {
    const id = c.req.param("id")!;
    server.record.session = id;
    await translated(server, () => server.runtime.parkSession(id));
    return c.json((await storedFacts(server, id)).facts);
  },
});

const forkSession = endpoint({
  method: "post",
  path: "/v1/sessions/{id}/fork",
  summary: "Begin another session where this one was at the end of its last turn",
  body: forkBody,
  gives: sessionAnswer,
  answer: async (c, server, body) => {
    const { runtime } = server;
    const bytes = await translated(server, () => runtime.storedSession(c.req.param("id")!));
    const id = body.id ?? crypto.randomUUID();
    return c.json(await restored(server, bytes, id, endOf(c, server)));
  },
});

const downloadSession = endpoint({
  method: "get",
  path: "/v1/sessions/{id}/snapshot",
  summary: "All that a session was at the end of its last turn, as bytes",
  gives: BINARY,
  answer: async (c, server) => {
    const { facts, snapshot } = await storedFacts(server, c.req.param("id")!);
    return bytesOf(snapshot, facts);
  },
});

const uploadSession = endpoint({
  method: "put",
  path: "/v1/sessions/{id}/snapshot",
  summary: "Begin a session with what another was, here or elsewhere",
  takesBytes: true,
  // The bytes of a session, should they all be stored with twice the width, and its token ids.
  maxBodyBytes: ({ memory, config }) =>
    2 * memory.session + 8 * (config.maxPositions + config.vocabularySize) + 2 ** 20,
  gives: sessionAnswer,
  answer: async (c, server) => {
    const id = c.req.param("id")!;
    const checked = sessionId.safeParse(id);
    if (!checked.success) {
      const message = `The id is wrong: ${checked.error.issues[0]!.message}`;
      throw new ApiError(400, message, { param: "id", code: "invalid_value" });
    }
    const bytes = new Uint8Array(await received(c.req.arrayBuffer()));
    return c.json(await restored(server, bytes, id, endOf(c, server)));
  },
});

/** The routes, in the order in which they are described. */
export const SESSION_ENDPOINTS: readonly Endpoint[] = [
  createSession,
  listSessions,
  showSession,
  tokensOfSession,
  deleteSession,
  parkSession,
  appendToSession,
  generateInSession,
  logitsOfSession,
  forkSession,
  rewindSession,
  downloadSession,
  uploadSession,
].map((one) => ({ ...one, scope: "sessions" }));

/** Makes a session of a snapshot and leaves it in the store. */
async function restored(
  server: ServerContext,
  bytes: Uint8Array<ArrayBuffer>,
  id: string,
  signal: AbortSignal,
): Promise<object> {
  server.record.session = id;
  const restore = () => server.runtime.restore(bytes, { id, wait: true, signal });
  return factsOf(await begin(server, restore));
}
