/**
 * Log-probabilities as OpenAI writes them: one form for chat, an older one for plain completions.
 *
 * @module
 */
import type { TokenLogprob } from "../options.ts";
import type { Runtime } from "../runtime.ts";
import type { ChoiceToken } from "./generation.ts";

/** A token with its text, the bytes that it stands for, and its log-probability. */
interface ChatLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
}

/** `logprobs` of a chat choice. */
export function chatLogprobs(runtime: Runtime, tokens: readonly ChoiceToken[]): object {
  const content = tokens.map(({ token }) => ({
    ...chatLogprob(runtime, token),
    top_logprobs: (token.topLogprobs ?? []).map((entry) => chatLogprob(runtime, entry)),
  }));
  return { content, refusal: null };
}

/** `logprobs` of a plain completion. */
export function completionLogprobs(runtime: Runtime, tokens: readonly ChoiceToken[]): object {
  return {
    tokens: tokens.map(({ token }) => tokenText(runtime, token.id)),
    token_logprobs: tokens.map(({ token }) => token.logprob),
    top_logprobs: tokens.map(({ token }) =>
      Object.fromEntries(
        (token.topLogprobs ?? []).map(({ id, logprob }) => [tokenText(runtime, id), logprob]),
      )
    ),
    text_offset: tokens.map(({ offset }) => offset),
  };
}

function chatLogprob(runtime: Runtime, { id, logprob }: TokenLogprob): ChatLogprob {
  const bytes = tokenBytes(runtime, id);
  return { token: new TextDecoder().decode(bytes), logprob, bytes: [...bytes] };
}

/** A token's text, in which bytes that are no whole character become U+FFFD. */
export function tokenText(runtime: Runtime, id: number): string {
  return new TextDecoder().decode(tokenBytes(runtime, id));
}

/**
 * A token's bytes; its id in words when it has none: a vocabulary can be padded, or without a
 * tokenizer.
 */
function tokenBytes({ tokenizer }: Runtime, id: number): Uint8Array {
  if (tokenizer?.has(id)) return tokenizer.bytes(id);
  return new TextEncoder().encode(`token_id:${id}`);
}
