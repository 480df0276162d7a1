/**
 * The scalar and vector functions that the operators are made of.
 *
 * @module
 */

/** `1 / (1 + e^−x)`. */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** `x σ(x)`. */
export function silu(x: number): number {
  return x * sigmoid(x);
}

/** `ln(1 + e^x)`, without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** `x / sqrt(Σ x² + 1e-6)`. */
export function l2norm(x: Float64Array): Float64Array {
  let sum = 0;
  for (const element of x) sum += element * element;
  return x.map((element) => element / Math.sqrt(sum + 1e-6));
}

/** A head's query as the gated delta rule reads it: SiLU, norm, and `1 / sqrt(K)`. */
export function deltaQuery(q: Float64Array): Float64Array {
  return deltaKey(q).map((element) => element / Math.sqrt(q.length));
}

/** A head's key as the gated delta rule reads it: SiLU and norm. */
export function deltaKey(k: Float64Array): Float64Array {
  return l2norm(k.map(silu));
}

/** Decay and learning rate of one head and token. */
export function gates(
  a: number,
  b: number,
  aLog: number,
  dtBias: number,
): { alpha: number; beta: number } {
  return { alpha: Math.exp(-Math.exp(aLog) * softplus(a + dtBias)), beta: sigmoid(b) };
}

/** `1 / sqrt(mean(x²) + epsilon)`. */
export function inverseRms(x: Float64Array, epsilon: number): number {
  let sum = 0;
  for (const element of x) sum += element * element;
  return 1 / Math.sqrt(sum / x.length + epsilon);
}
