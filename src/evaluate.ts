/**
 * How well a model predicts a text, and how far it is from another one.
 *
 * @module
 */
import {
  divergence,
  mean,
  negativeLogProbability,
  percentile,
  type Prediction,
  predictionOf,
} from "./divergence.ts";
import type { Runtime } from "./runtime.ts";
import type { Session } from "./session.ts";

/** How a model differs from a reference, over a number of predictions. */
export interface Difference {
  /** Kullback-Leibler divergence of the model from the reference, in nats. */
  readonly kl: { readonly mean: number; readonly p99: number };
  /** Share of predictions with the same most probable token. */
  readonly agreement: number;
}

/** How well a text was predicted. */
export interface Loss {
  /** Mean of −ln p, in nats a token. */
  readonly loss: number;
  readonly perplexity: number;
  readonly bitsPerByte: number;
}

/** What {@linkcode evaluate} found. */
export interface Evaluation extends Loss {
  readonly windows: number;
  /** Predicted tokens. */
  readonly tokens: number;
  readonly reference?: Loss & Difference;
}

/** Predictions at positions `from` to `to`, the last one included. */
export interface DriftBucket extends Difference {
  readonly from: number;
  readonly to: number;
}

/** Tokens that are read from an empty state. */
export const WINDOW = 512;

/** Tokens whose logits are in memory at a time; whole passes, so that cutting changes no bit. */
const PIECE = 64;

/** Positions in a bucket of {@linkcode drift}. */
const BUCKET = 1000;

/**
 * Token ids of a text for a model, and for its reference, which must have the same ones. Throws an
 * `Error` when they cannot be had.
 */
export function textTokens(text: string, runtime: Runtime, reference?: Runtime): number[] {
  if (!runtime.tokenizer) {
    throw new Error(`Cannot evaluate "${runtime.name}" on text: it has no tokenizer.json`);
  }
  const ids = runtime.tokenizer.encode(text);
  if (ids.length < 2) throw new Error("Cannot evaluate on this text: it has less than two tokens");
  const others = reference?.tokenizer?.encode(text) ?? ids;
  const vocabulary = runtime.config.vocabularySize;
  const isSame = others.length === ids.length && others.every((id, i) => id === ids[i]) &&
    vocabulary === (reference ?? runtime).config.vocabularySize;
  if (isSame) return ids;
  throw new Error(
    `Cannot compare "${runtime.name}" with "${reference!.name}": they have different tokens; ` +
      "pass two forms of one model",
  );
}

/**
 * Reads windows of {@linkcode WINDOW} tokens, each from an empty state, and scores all tokens of a
 * window but the first. What is left at the end is dropped, unless it is all there is. `progress`
 * hears which share is done.
 */
export async function evaluate(
  runtime: Runtime,
  ids: readonly number[],
  reference?: Runtime,
  progress: (share: number) => void = () => {},
): Promise<Evaluation> {
  const windows = Math.max(1, Math.floor(ids.length / WINDOW));
  const differences = new Differences();
  let [tokens, nats, referenceNats, bytes] = [0, 0, 0, 0];
  for (let w = 0; w < windows; w++) {
    const window = ids.slice(w * WINDOW, (w + 1) * WINDOW);
    await using session = await runtime.session();
    await using other = await reference?.session();
    for (let start = 0; start < window.length; start += PIECE) {
      const piece = window.slice(start, start + PIECE);
      const predictions = await predict(session, piece);
      const others = other ? await predict(other, piece) : [];
      for (const [i, target] of window.slice(start + 1, start + 1 + piece.length).entries()) {
        tokens++;
        bytes += tokenBytes(runtime, target);
        nats += negativeLogProbability(predictions[i]!, target);
        if (!other) continue;
        referenceNats += negativeLogProbability(others[i]!, target);
        differences.add(others[i]!, predictions[i]!);
      }
      progress((w + (start + piece.length) / window.length) / windows);
    }
  }
  const loss = lossOf(nats, tokens, bytes);
  if (!reference) return { windows, tokens, ...loss };
  const against = { ...lossOf(referenceNats, tokens, bytes), ...differences.summary() };
  return { windows, tokens, ...loss, reference: against };
}

/**
 * Decodes: both models read the same tokens one by one, so that errors in the state can add up, and
 * are compared at each position; there is a bucket for every {@linkcode BUCKET} of them. `progress`
 * hears which share is done.
 */
export async function drift(
  runtime: Runtime,
  ids: readonly number[],
  reference: Runtime,
  progress: (share: number) => void = () => {},
): Promise<DriftBucket[]> {
  await using session = await runtime.session();
  await using other = await reference.session();
  const buckets: DriftBucket[] = [];
  let from = 0;
  let differences = new Differences();
  for (const [position, id] of ids.entries()) {
    const [prediction] = await predict(session, [id]);
    const [expected] = await predict(other, [id]);
    differences.add(expected!, prediction!);
    progress((position + 1) / ids.length);
    const isLast = position + 1 === ids.length;
    if (!isLast && position + 1 < from + BUCKET) continue;
    buckets.push({ from, to: position, ...differences.summary() });
    from = position + 1;
    differences = new Differences();
  }
  return buckets;
}

/** Collects comparisons of predictions. */
class Differences {
  readonly #divergences: number[] = [];
  #agreed = 0;

  add(reference: Prediction, prediction: Prediction): void {
    this.#divergences.push(divergence(reference, prediction));
    if (reference.top === prediction.top) this.#agreed++;
  }

  summary(): Difference {
    return {
      kl: { mean: mean(this.#divergences), p99: percentile(this.#divergences, 0.99) },
      agreement: this.#agreed / this.#divergences.length,
    };
  }
}

/** Appends tokens. Returns what the model predicts after each of them. */
async function predict(session: Session, tokens: readonly number[]): Promise<Prediction[]> {
  const logits = (await session.append(tokens, { logits: "all" }))!;
  const columns = logits.length / tokens.length;
  return tokens.map((_, i) => predictionOf(logits.subarray(i * columns, (i + 1) * columns)));
}

/** Bytes of text that a token stands for: none for one that marks something. */
function tokenBytes({ tokenizer }: Runtime, id: number): number {
  return tokenizer!.isSpecial(id) ? 0 : tokenizer!.bytes(id).length;
}

function lossOf(nats: number, tokens: number, bytes: number): Loss {
  const loss = nats / tokens;
  return { loss, perplexity: Math.exp(loss), bitsPerByte: nats / bytes / Math.LN2 };
}
