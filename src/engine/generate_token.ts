/**
 * The next token of a generation.
 *
 * @module
 */
import type { FinishReason } from "../options.ts";
import type { Sample, SamplerScratch } from "./sampler.ts";
import { type EngineSession, type GenerateJob, held, MOST_TOKENS } from "./session.ts";

/** A token, whether it is the first of its generation, and why it is the last one, if it is. */
interface GeneratedSample extends Sample {
  readonly isFirst: boolean;
  readonly finishReason?: FinishReason;
}

/** Chooses a token by the session's logits; it becomes the pending one. */
export function generateToken(
  session: EngineSession,
  job: GenerateJob,
  scratch: SamplerScratch,
): GeneratedSample {
  const { mask, isFirst } = job;
  const chosen = job.sampler.sample(scratch, session.logits, session.seen, mask?.allowed);
  const sample = { ...chosen, isFirst };
  if (mask && !mask.accept(sample.id)) {
    throw new Error("Cannot go on: no token of the vocabulary fits the grammar");
  }
  session.pending = sample.id;
  session.pendingIsNew = session.seen.add(sample.id);
  session.history.push(sample.id);
  job.isFirst = false;
  job.remaining--;
  job.credit--;
  if (job.endTokens.has(sample.id) || mask?.complete) return { ...sample, finishReason: "stop" };
  const isFull = job.remaining === 0 || held(session) >= MOST_TOKENS;
  return isFull ? { ...sample, finishReason: "length" } : sample;
}
