/**
 * Log-probabilities of the tokens of a prompt, each after those before it.
 *
 * @module
 */
import type { TokenLogprob } from "../options.ts";
import type { Session } from "../session.ts";

/** Tokens whose logits are in memory at once: a row of them can be as long as a vocabulary. */
const PIECE = 64;

/** A token of a prompt; its first one has no log-probability, as nothing comes before it. */
export interface PromptToken {
  readonly id: number;
  readonly logprob: number | null;
  readonly topLogprobs: readonly TokenLogprob[] | null;
}

/** Appends a prompt to an empty session and scores it, with the `top` most probable tokens. */
export async function scorePrompt(
  session: Session,
  prompt: readonly number[],
  top: number,
  signal: AbortSignal,
): Promise<PromptToken[]> {
  const scores: PromptToken[] = [{ id: prompt[0]!, logprob: null, topLogprobs: null }];
  for (let start = 0; start < prompt.length; start += PIECE) {
    const piece = prompt.slice(start, start + PIECE);
    const logits = (await session.append(piece, { logits: "all", signal }))!;
    const vocabulary = logits.length / piece.length;
    for (let i = 0; i < piece.length; i++) {
      const next = prompt[start + i + 1];
      if (next === undefined) break;
      scores.push(scoreToken(logits.subarray(i * vocabulary, (i + 1) * vocabulary), next, top));
    }
  }
  return scores;
}

/** How probable a token is, of `logits[vocabulary]`. */
function scoreToken(logits: Float32Array, id: number, top: number): PromptToken {
  const logprobs = logProbabilities(logits);
  return { id, logprob: logprobs(id), topLogprobs: topTokens(logits, top, logprobs) };
}

/** The log-probability of each token id. */
function logProbabilities(logits: Float32Array): (id: number) => number {
  let largest = -Infinity;
  for (const logit of logits) largest = Math.max(largest, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  const normalizer = largest + Math.log(sum);
  return (id) => logits[id]! - normalizer;
}

/** The most probable tokens, the first of them first; of equals the one with the smaller id. */
export function topTokens(
  logits: Float32Array,
  count: number,
  logprob: (id: number) => number = logProbabilities(logits),
): TokenLogprob[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length && count > 0; id++) {
    if (best.length === count && !(logits[id]! > logits[best.at(-1)!]!)) continue;
    let place = best.length;
    while (place > 0 && logits[id]! > logits[best[place - 1]!]!) place--;
    best.splice(place, 0, id);
    if (best.length > count) best.pop();
  }
  return best.map((id) => ({ id, logprob: logprob(id) }));
}
