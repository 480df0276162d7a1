/**
 * The next token of a generation.
 *
 * @module
 */
import type { FinishReason } from "../options.ts";
import type { Sample, SamplerScratch } from "./sampler.ts";
import { type EngineSession, type GenerateJob, held, MOST_TOKENS } from "./session.ts";

/** A token, and why it is the last one, if it is. */
interface GeneratedSample extends Sample {
  readonly finishReason?: FinishReason;
}

/** Chooses a token by the session's logits; it becomes the pending one. */
export function generateToken(
  session: EngineSession,
  job: GenerateJob,
  scratch: SamplerScratch,
): GeneratedSample {
  const { mask } = job;
  const sample = job.sampler.sample(scratch, session.logits, session.seen, mask?.allowed);
  if (mask && !mask.accept(sample.id)) {
    throw new Error("Cannot go on: no token of the vocabulary fits the grammar");
  }
  session.pending = sample.id;
  session.pendingIsNew = session.seen.add(sample.id);
  session.history.push(sample.id);
  job.remaining--;
  job.credit--;
  if (job.endTokens.has(sample.id) || mask?.complete) return { ...sample, finishReason: "stop" };
  const isFull = job.remaining === 0 || held(session) >= MOST_TOKENS;
  return isFull ? { ...sample, finishReason: "length" } : sample;
}
