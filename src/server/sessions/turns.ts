/**
 * The routes that move a session on, or look at what comes next.
 *
 * @module
 */
import type { Context } from "hono";
import type { GeneratedToken } from "../../options.ts";
import type { Runtime } from "../../runtime.ts";
import type { Session } from "../../session.ts";
import type { ServerContext } from "../context.ts";
import { BINARY, endpoint } from "../endpoint.ts";
import { ApiError, refuse } from "../errors.ts";
import { type ChoiceToken, generateOptions, mostTokens } from "../generation.ts";
import { completionLogprobs, placed, tokenText } from "../logprobs.ts";
import { topTokens } from "../prompt_scores.ts";
import { streamEvents } from "../stream.ts";
import { inputTokens } from "./input.ts";
import {
  appendAnswer,
  appendBody,
  generateAnswer,
  type GenerateBody,
  generateBody,
  generateEvent,
  logitsAnswer,
  type LogitsBody,
  logitsBody,
  rewindBody,
  sessionAnswer,
} from "./schemas.ts";
import { bytesOf, factsOf, opened, translate, withSession } from "./use.ts";

/** Logits that are told where the body names no number. */
const TOP_LOGITS = 20;

/** Appends text, token ids or messages. */
export const appendToSession = endpoint({
  method: "post",
  path: "/v1/sessions/{id}/append",
  summary: "Append text, token ids or messages to a session",
  body: appendBody,
  gives: appendAnswer,
  answer: async (c, server, body) =>
    c.json(
      await withSession(c, server, async (session, signal) => {
        const tokens = await inputTokens(server.runtime, session, body);
        const { spans } = server.record;
        await spans.around("prefill", () => session.append(tokens, { logits: "none", signal }));
        server.record.appended(tokens.length, session.reuse);
        const { tokens: cached, why } = session.reuse;
        return {
          ...factsOf(session),
          appended: tokens.length,
          cached_tokens: cached,
          ...(why === undefined ? {} : { not_cached: why }),
        };
      }),
    ),
});

/** Generates; what comes out becomes part of the session. */
export const generateInSession = endpoint({
  method: "post",
  path: "/v1/sessions/{id}/generate",
  summary: "Generate tokens after those of a session",
  body: generateBody,
  gives: generateAnswer,
  events: generateEvent,
  answer: async (c, server, body) => {
    if (!body.stream) {
      return c.json(
        await withSession(c, server, async (session, signal) => {
          const tokens = await Array.fromAsync(generated(server, session, body, signal));
          return { ...answerOf(server.runtime, session, body, tokens), ...ending(tokens.at(-1)) };
        }),
      );
    }
    return await streamEvents(c, server, (signal) => eventsOf(c, server, body, signal));
  },
});

/** The logits of the next token. */
export const logitsOfSession = endpoint({
  method: "post",
  path: "/v1/sessions/{id}/logits",
  summary: 'Logits of the next token: the largest ones, or with "f32" all, little-endian',
  body: logitsBody,
  gives: [logitsAnswer, BINARY],
  answer: async (c, server, body) => {
    const { logits, facts } = await withSession(c, server, async (session, signal) => {
      expectTokens(session);
      const logits = (await session.append([], { signal })) as Float32Array<ArrayBuffer>;
      return { logits, facts: factsOf(session) };
    });
    if (body.format === "f32") return bytesOf(logits, facts);
    return c.json({ ...facts, logits: largest(server.runtime, logits, body) });
  },
});

/** Goes back to an earlier position. */
export const rewindSession = endpoint({
  method: "post",
  path: "/v1/sessions/{id}/rewind",
  summary: "Go back to where a session held fewer tokens",
  body: rewindBody,
  gives: sessionAnswer,
  answer: async (c, server, { position }) =>
    c.json(
      await withSession(c, server, async (session, signal) => {
        if (position > session.position) {
          const message = `"position" is ${position}: pass at most ${session.position}`;
          throw new ApiError(400, message, { param: "position", code: "invalid_value" });
        }
        await session.rewind(position, { signal });
        return factsOf(session);
      }),
    ),
});

/** One event for each token, and one with the reason once the session is back in the store. */
async function* eventsOf(
  c: Context,
  server: ServerContext,
  body: GenerateBody,
  signal: AbortSignal,
): AsyncGenerator<object, void, void> {
  const { runtime } = server;
  const session = await opened(server, { id: c.req.param("id")!, exists: true, signal });
  let last: ChoiceToken | undefined;
  try {
    for await (const token of generated(server, session, body, signal)) {
      last = token;
      yield { ...answerOf(runtime, session, body, [token]), finish_reason: null };
    }
    await session.close();
    yield { ...answerOf(runtime, session, body, []), ...ending(last) };
  } catch (error) {
    throw translate(error, server);
  } finally {
    await session.close().catch((error) => server.log(`Cannot save "${session.id}": ${error}`));
  }
}

/** Generates as the body says. */
async function* generated(
  server: ServerContext,
  session: Session,
  body: GenerateBody,
  signal: AbortSignal,
): AsyncGenerator<ChoiceToken, void, void> {
  expectTokens(session);
  const { runtime, record } = server;
  const options = {
    ...generateOptions(runtime, body),
    maxTokens: mostTokens(server, session.position, body.max_tokens),
    ...(body.logprobs ? { topLogprobs: body.logprobs } : {}),
    signal,
  };
  using _decode = record.spans.open("decode");
  let offset = 0;
  for await (const token of refuse(() => session.generate(options))) {
    const { reuse, inexactFrom } = session;
    record.generated(0, inexactFrom === undefined);
    yield { choice: 0, token, offset, reuse, inexactFrom };
    offset += token.text.length;
  }
}

function answerOf(
  runtime: Runtime,
  session: Session,
  body: GenerateBody,
  tokens: readonly ChoiceToken[],
): object {
  const withLogprobs = typeof body.logprobs === "number" && tokens.length > 0;
  return {
    ...factsOf(session),
    text: tokens.map(({ token }) => token.text).join(""),
    token_ids: tokens.map(({ token }) => token.id),
    logprobs: withLogprobs ? completionLogprobs(runtime, tokens.map(placed)) : null,
  };
}

function ending(last: { token: GeneratedToken } | undefined): object {
  return { finish_reason: last?.token.finishReason ?? "length" };
}

function expectTokens({ position }: Session): void {
  if (position > 0) return;
  throw new ApiError(400, "The session is empty: append at least one token", {
    code: "session_empty",
  });
}

/** The largest logits, as a list with what they mean. */
function largest(runtime: Runtime, logits: Float32Array, { top }: LogitsBody): object[] {
  return topTokens(logits, top ?? TOP_LOGITS).map(({ id, logprob }) => ({
    id,
    token: tokenText(runtime, id),
    logit: logits[id]!,
    logprob,
  }));
}
