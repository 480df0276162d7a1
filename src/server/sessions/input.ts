/**
 * What is appended to a session, as token ids.
 *
 * @module
 */
import { snapshotFacts } from "../../engine/snapshot.ts";
import type { ChatMessage } from "../../options.ts";
import type { Runtime } from "../../runtime.ts";
import type { Session } from "../../session.ts";
import { ApiError, refuse } from "../errors.ts";
import { templateMessage, tokensAfterAnswer } from "../messages.ts";
import type { AppendBody } from "./schemas.ts";

/** The token ids of a body. Throws an {@linkcode ApiError} unless it has one of the three. */
export async function inputTokens(
  runtime: Runtime,
  session: Session,
  body: AppendBody,
): Promise<readonly number[]> {
  const { text, token_ids, messages } = body;
  const given = Object.entries(body).filter(([, value]) => value !== null && value !== undefined);
  if (given.length !== 1) {
    throw new ApiError(
      400,
      `The body has ${given.length} of "text", "token_ids" and "messages": ` +
        "pass one of them",
    );
  }
  if (token_ids) return checkedIds(runtime, token_ids);
  if (messages) {
    const list = messages.map(templateMessage);
    return await messageTokens(runtime, session, list);
  }
  if (runtime.tokenizer) return [...runtime.tokenizer.encode(text!)];
  throw new ApiError(400, `"${runtime.name}" has no tokenizer: pass token_ids`, { param: "text" });
}

function checkedIds(runtime: Runtime, ids: readonly number[]): readonly number[] {
  const { vocabularySize } = runtime.config;
  const wrong = ids.find((id) => id >= vocabularySize);
  if (wrong === undefined) return ids;
  const message = `Token id ${wrong} is not in the vocabulary: pass ids below ${vocabularySize}`;
  throw new ApiError(400, message, { param: "token_ids" });
}

/** Messages as the chat template writes them, up to where an answer begins. */
async function messageTokens(
  runtime: Runtime,
  session: Session,
  messages: readonly ChatMessage[],
): Promise<readonly number[]> {
  if (session.position === 0) {
    return refuse(() => runtime.chatTokens(messages), { param: "messages" });
  }
  const last = snapshotFacts(await session.snapshot()).tokens.at(-1);
  const rest = refuse(() => tokensAfterAnswer(runtime, messages, last), { param: "messages" });
  if (rest) return rest;
  const message = "The model's chat template cannot go on after an answer: pass text or token_ids";
  throw new ApiError(400, message, { param: "messages" });
}
