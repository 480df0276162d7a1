/**
 * A generated token as users get it.
 *
 * @module
 */
import type { Detokenizer } from "./detokenizer.ts";
import type { GeneratedToken } from "./options.ts";
import type { EngineEvent } from "./protocol.ts";

type TokenEvent = Extract<EngineEvent, { type: "token" }>;

/** The token with the text that has become certain, and the end that a stop text makes. */
export function withText(event: TokenEvent, detokenizer: Detokenizer | undefined): GeneratedToken {
  const { id, logprob, topLogprobs, finishReason } = event;
  let text = "";
  if (detokenizer) {
    // An end token is not part of the text.
    if (finishReason !== "stop") text = detokenizer.push(id);
    if (finishReason && !detokenizer.stopped) text += detokenizer.flush();
  }
  const reason = detokenizer?.stopped ? "stop" : finishReason;
  return {
    id,
    logprob,
    text,
    ...(topLogprobs ? { topLogprobs } : {}),
    ...(reason ? { finishReason: reason } : {}),
  };
}
