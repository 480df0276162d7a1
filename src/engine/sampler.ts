/**
 * Chooses the next token from a row of logits.
 *
 * The order is: penalties, bias and mask, temperature, top-k, top-p, min-p, draw. The heavy work
 * over the vocabulary (arg-max, top-k, log-sum-exp) is done by operators; here only the candidates
 * are looked at.
 *
 * @module
 */
import type { TokenLogprob } from "../options.ts";
import type { Ops, Tensor } from "../ops.ts";
import { Random } from "./random.ts";
import { applyMask } from "./token_mask.ts";

/** Complete sampling parameters; what they mean stands in `SamplingOptions`. */
export interface SamplingParameters {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  readonly logitBias: readonly (readonly [id: number, bias: number])[];
  readonly seed: number;
  /** Goes on with the session's random numbers and counts, where it has any, in place of `seed`. */
  readonly continues: boolean;
  readonly topLogprobs: number;
}

/** What of a sampler outlives its generation, so that the next one can go on. */
export interface SamplerState {
  readonly random: Uint32Array<ArrayBuffer>; // [4]
  /** How often each token was generated. */
  readonly counts: readonly (readonly [id: number, count: number])[];
}

/** A chosen token. */
export interface Sample extends TokenLogprob {
  readonly topLogprobs?: TokenLogprob[];
}

/** Candidates looked at first; more are fetched when they do not decide the draw. */
const FIRST_CANDIDATES = 256;
const MORE_CANDIDATES = 4096;

/** Where the greatest logits go, on the device and here. */
interface Candidates {
  readonly topValues: Tensor; // [1, count]
  readonly topIds: Tensor; // [1, count]
  readonly values: Float32Array;
  readonly ids: Int32Array;
}

/** Scratch memory for sampling one row at a time. */
export class SamplerScratch implements Disposable {
  readonly ops: Ops;
  readonly vocabulary: number;
  readonly row: Tensor; // [1, V], logits after penalties
  readonly logits: Float32Array;
  readonly #index: Tensor; // [1, 1]
  readonly #scale: Tensor; // [1, 1]
  readonly #sum: Tensor; // [1, 1]
  readonly #owned = new DisposableStack();
  readonly #candidates = new Map<number, Candidates>();

  constructor(ops: Ops, vocabulary: number) {
    this.ops = ops;
    this.vocabulary = vocabulary;
    this.row = this.#owned.use(ops.tensor("f32", 1, vocabulary));
    this.logits = new Float32Array(vocabulary);
    this.#index = this.#owned.use(ops.tensor("i32", 1, 1));
    this.#scale = this.#owned.use(ops.tensor("f32", 1, 1));
    this.#sum = this.#owned.use(ops.tensor("f32", 1, 1));
  }

  /** Index of the greatest logit. */
  argmax(row: Tensor): number {
    this.ops.argmax(this.#index, row);
    const index = new Int32Array(1);
    this.ops.read(this.#index, index);
    return index[0]!;
  }

  /** log Σ exp(scale · logit). */
  logSumExp(row: Tensor, scale: number): number {
    this.ops.write(this.#scale, Float32Array.of(scale));
    this.ops.logSumExp(this.#sum, row, this.#scale);
    const sum = new Float32Array(1);
    this.ops.read(this.#sum, sum);
    return sum[0]!;
  }

  /** One logit. */
  at(row: Tensor, id: number): number {
    using element = row.columnView(id, 1);
    const value = new Float32Array(1);
    this.ops.read(element, value);
    return value[0]!;
  }

  /** The `count` greatest logits, falling, with their ids, until the next call. */
  top(row: Tensor, count: number): { values: Float32Array; ids: Int32Array } {
    let found = this.#candidates.get(count);
    if (!found) {
      found = {
        topValues: this.#owned.use(this.ops.tensor("f32", 1, count)),
        topIds: this.#owned.use(this.ops.tensor("i32", 1, count)),
        values: new Float32Array(count),
        ids: new Int32Array(count),
      };
      this.#candidates.set(count, found);
    }
    const { topValues, topIds, values, ids } = found;
    this.ops.topK(topValues, topIds, row);
    this.ops.read(topValues, values);
    this.ops.read(topIds, ids);
    return { values, ids };
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}

/** Sampling state of one generation. */
export class Sampler {
  readonly #parameters: SamplingParameters;
  readonly #random: Random;
  readonly #counts: Map<number, number>;

  /** `earlier` is what the session's last sampler left, if there was one. */
  constructor(parameters: SamplingParameters, earlier?: SamplerState) {
    const state = parameters.continues ? earlier : undefined;
    this.#parameters = parameters;
    this.#random = state ? Random.from(state.random) : new Random(parameters.seed);
    this.#counts = new Map(state?.counts);
  }

  get state(): SamplerState {
    return { random: this.#random.state, counts: [...this.#counts] };
  }

  /**
   * Chooses a token from `row[1, V]`, which stays as it is. `seen` are the ids that the session
   * holds, for the repetition penalty; `allowed` has a bit for each token that may be chosen.
   */
  sample(
    scratch: SamplerScratch,
    row: Tensor,
    seen: Iterable<number>,
    allowed?: Int32Array,
  ): Sample {
    const { temperature, topLogprobs } = this.#parameters;
    const adjusted = this.#adjust(scratch, row, seen, allowed);
    const normalizer = scratch.logSumExp(row, 1);
    if (!Number.isFinite(normalizer)) {
      throw new Error(
        `Cannot sample: the logits' log-sum-exp is ${normalizer}; ` +
          `look for values in the model's weights that are not finite`,
      );
    }
    const id = temperature === 0 ? scratch.argmax(adjusted) : this.#draw(scratch, adjusted);
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    const logprob = scratch.at(row, id) - normalizer;
    if (topLogprobs === 0) return { id, logprob };
    const top = scratch.top(row, topLogprobs);
    return {
      id,
      logprob,
      topLogprobs: Array.from(top.ids, (id, i) => ({ id, logprob: top.values[i]! - normalizer })),
    };
  }

  /** The logits after penalties, bias and mask: `row` itself when there are none. */
  #adjust(
    scratch: SamplerScratch,
    row: Tensor,
    seen: Iterable<number>,
    allowed: Int32Array | undefined,
  ): Tensor {
    const { repetitionPenalty, presencePenalty, frequencyPenalty, logitBias } = this.#parameters;
    const counted = (presencePenalty !== 0 || frequencyPenalty !== 0) && this.#counts.size > 0;
    if (repetitionPenalty === 1 && !counted && logitBias.length === 0 && !allowed) return row;
    const { logits } = scratch;
    scratch.ops.read(row, logits);
    if (repetitionPenalty !== 1) {
      for (const id of seen) {
        const logit = logits[id]!;
        logits[id] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
      }
    }
    if (counted) {
      for (const [id, count] of this.#counts) {
        logits[id]! -= presencePenalty + frequencyPenalty * count;
      }
    }
    for (const [id, bias] of logitBias) logits[id]! += bias;
    if (allowed) applyMask(logits, allowed);
    scratch.ops.write(scratch.row, logits);
    return scratch.row;
  }

  #draw(scratch: SamplerScratch, row: Tensor): number {
    const { temperature, topK } = this.#parameters;
    const { vocabulary } = scratch;
    const uniform = this.#random.next();
    const limit = topK > 0 ? Math.min(topK, vocabulary) : vocabulary;
    // With top-k the shares are of all k, which are fetched; without it they are of the whole
    // vocabulary, most of which is never fetched.
    const logTotal = topK > 0 ? undefined : scratch.logSumExp(row, 1 / temperature);
    for (const count of topK > 0 ? [limit] : [FIRST_CANDIDATES, MORE_CANDIDATES, limit]) {
      const { values, ids } = scratch.top(row, Math.min(count, limit));
      const index = chooseCandidate(values, {
        ...this.#parameters,
        logTotal,
        uniform,
        complete: values.length === limit,
      });
      if (index !== undefined) return ids[index]!;
    }
    return scratch.argmax(row);
  }
}

/** What {@linkcode chooseCandidate} draws by. */
export interface DrawParameters {
  readonly temperature: number;
  readonly topP: number;
  readonly minP: number;
  /**
   * log Σ exp(logit / temperature) over all tokens; without it, the candidates are all there are.
   */
  readonly logTotal: number | undefined;
  /** The random number, in [0, 1). */
  readonly uniform: number;
  /** Whether `values` holds every token that may be drawn. */
  readonly complete: boolean;
}

/**
 * Index of the drawn candidate among logits in falling order, or `undefined` when more candidates
 * are needed to decide.
 */
export function chooseCandidate(values: Float32Array, draw: DrawParameters): number | undefined {
  const { temperature, topP, minP, logTotal, uniform, complete } = draw;
  const greatest = values[0]!;
  const weights = Float64Array.from(values, (value) => Math.exp((value - greatest) / temperature));
  const listed = weights.reduce((sum, weight) => sum + weight, 0);
  const total = logTotal === undefined || complete
    ? listed
    : Math.max(listed, Math.exp(logTotal - greatest / temperature));

  // The candidates that top-p and min-p keep are the first `kept`, with the mass `mass`.
  let kept = 0;
  let mass = 0;
  while (kept < weights.length) {
    // A token without weight, as a mask leaves it, is never drawn.
    const least = Math.max(minP, Number.MIN_VALUE);
    if (kept > 0 && (mass >= topP * total || weights[kept]! < least)) break;
    mass += weights[kept++]!;
  }
  const truncated = kept < weights.length || complete || mass >= topP * total && topP < 1;
  const target = uniform * (truncated ? mass : total);
  // An open end with top-p or min-p could still keep more than is listed.
  if (!truncated && (topP < 1 || minP > 0)) return undefined;
  let sum = 0;
  for (let i = 0; i < kept; i++) {
    sum += weights[i]!;
    if (target < sum) return i;
  }
  return truncated ? kept - 1 : undefined;
}
