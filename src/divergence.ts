/**
 * Compares predictions.
 *
 * @module
 */

/** A row of logits and what follows from it. */
export interface Prediction {
  readonly logits: Float32Array;
  /** Id of the greatest logit, the lowest of equal ones. */
  readonly top: number;
  /** ln Σ exp(logit). */
  readonly logTotal: number;
}

/** Looks at a row of logits. */
export function predictionOf(logits: Float32Array): Prediction {
  let top = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[top]!) top = i;
  const greatest = logits[top]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - greatest);
  return { logits, top, logTotal: greatest + Math.log(sum) };
}

/** −ln of the probability of a token. */
export function negativeLogProbability({ logits, logTotal }: Prediction, id: number): number {
  return logTotal - logits[id]!;
}

/** Kullback-Leibler divergence Σ p·ln(p / q) over all tokens, in nats. */
export function divergence(p: Prediction, q: Prediction): number {
  let sum = 0;
  for (let i = 0; i < p.logits.length; i++) {
    const logP = p.logits[i]! - p.logTotal;
    sum += Math.exp(logP) * (logP - (q.logits[i]! - q.logTotal));
  }
  return sum;
}

/** Arithmetic mean. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The least of `values` that no less than a share of them do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}
