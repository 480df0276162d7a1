/**
 * Checks the options of a runtime and completes them.
 *
 * @module
 */
import type { ModelConfig } from "./config.ts";
import type { RuntimeOptions } from "./options.ts";
import type { EngineOptions } from "./protocol.ts";

/**
 * Tokens of a prompt in one pass; whole chunks of the gated delta rule, so that cutting a prompt
 * changes no bit.
 */
const PREFILL_PIECE = 64;

/** Checks `options`. Throws a `RangeError` or `TypeError` that names the one that is wrong. */
export function engineOptions(options: RuntimeOptions, config: ModelConfig): EngineOptions {
  const { sessions = 8, attentionBudget = 4096, threads = 0 } = options;
  oneOf("device", options.device ?? "auto", ["auto", "cpu"]);
  whole("sessions", sessions, 1, 65536);
  whole("threads", threads, 0, 1024);
  if (attentionBudget !== Infinity) whole("attentionBudget", attentionBudget, 1, 2 ** 31);
  return {
    weights: oneOf("weights", options.weights ?? "auto", ["auto", "f32", "bf16", "q8", "q4"]),
    cacheType: oneOf("cacheType", options.cacheType ?? "bf16", ["f32", "bf16"]),
    sessions,
    attentionBudget: Math.min(attentionBudget, config.maxPositions),
    prefillPiece: PREFILL_PIECE,
    deltaChunk: PREFILL_PIECE,
  };
}

function whole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} is ${value}: pass a whole number from ${low} to ${high}`);
  }
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  const list = allowed.map((item) => `"${item}"`).join(", ");
  throw new TypeError(`${name} is "${value}": pass one of ${list}`);
}
