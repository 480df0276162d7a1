/**
 * Checks the options of a runtime and completes them.
 *
 * @module
 */
import type { ModelConfig } from "./config.ts";
import { LEAST_PAGES } from "./model/page_table.ts";
import { PAGE_TOKENS } from "./ops.ts";
import type { RuntimeOptions } from "./options.ts";
import type { EngineOptions, StartMessage } from "./protocol.ts";

/**
 * Tokens of a prompt in one pass; whole chunks of the gated delta rule, so that cutting a prompt
 * changes no bit.
 */
const PREFILL_PIECE = 64;

/** Bytes of kept states where the caller says nothing. */
const PREFIX_CACHE = 256 * 2 ** 20;
/** Requests that may wait for a session at once where the caller says nothing. */
const QUEUE = 1024;
/** How long the leases of sessions last where the caller says nothing. */
const LEASE_MS = 15_000;
/** Tokens that full attention holds and reads at least: a piece of a prompt, and some before. */
export const LEAST_BUDGET = LEAST_PAGES * PAGE_TOKENS;
const LEAST_READ = 2 * PREFILL_PIECE;

/** Devices without a number. */
export const DEVICES = ["auto", "cpu", "cuda", "metal", "emulator"] as const;

/** Checks `options`. Throws a `RangeError` or `TypeError` that names the one that is wrong. */
export function engineOptions(options: RuntimeOptions, config: ModelConfig): EngineOptions {
  const { sessions = 8, memory, threads = 0, attentionRead = Infinity } = options;
  if (!isOneGpu(options.device)) oneOf("device", options.device ?? "auto", DEVICES);
  if (memory !== undefined && options.sessions !== undefined) {
    throw new TypeError("sessions and memory are both given: pass one of them");
  }
  whole("sessions", sessions, 1, 65536);
  whole("threads", threads, 0, 1024);
  if (memory !== undefined) whole("memory", memory, 1, Number.MAX_SAFE_INTEGER);
  if (attentionRead !== Infinity) whole("attentionRead", attentionRead, LEAST_READ, 2 ** 31);
  return {
    weights: oneOf("weights", options.weights ?? "auto", ["auto", "f32", "bf16", "q8", "q4"]),
    cache: options.cache ?? false,
    profile: options.profile ?? false,
    cacheType: oneOf("cacheType", options.cacheType ?? "bf16", ["f32", "bf16"]),
    stateType: oneOf("stateType", options.stateType ?? "f32", ["f32", "bf16"]),
    sessions,
    memory,
    attentionBudget: attentionBudget(options.attentionBudget ?? 4096, config.maxPositions),
    attentionRead,
    prefixCache: whole("prefixCache", options.prefixCache ?? PREFIX_CACHE, 0, 2 ** 53 - 1),
    prefillPiece: PREFILL_PIECE,
    deltaChunk: PREFILL_PIECE,
  };
}

/** The device that the options ask for. */
export function deviceOptions(options: RuntimeOptions): StartMessage["device"] {
  const { device = "auto", instructionSet = "auto", threads = 0 } = options;
  if (isOneGpu(device)) return { backend: "cuda", instructionSet: device, threads };
  return { backend: device === "auto" ? "cpu" : device, instructionSet, threads };
}

/** Whether a device is one of several GPUs, by its number. */
export function isOneGpu(device: string | undefined): device is `cuda:${number}` {
  return device !== undefined && /^cuda:\d{1,3}$/.test(device);
}

/** Limits of waiting. */
export interface WaitOptions {
  /** How long the leases of sessions last, in milliseconds. */
  readonly leaseTime: number;
  /** How many may wait for a session at once. */
  readonly queue: number;
}

/** Checks what of the options is about waiting. Throws a `RangeError`. */
export function waitOptions({ leaseTime = LEASE_MS, queue = QUEUE }: RuntimeOptions): WaitOptions {
  return {
    leaseTime: whole("leaseTime", leaseTime, 1, 2 ** 31 - 1),
    queue: whole("queue", queue, 0, 2 ** 31 - 1),
  };
}

/** A number of tokens for full attention to hold, at most `most`. Throws a `RangeError`. */
export function attentionBudget(value: number, most: number): number {
  if (value !== Infinity) whole("attentionBudget", value, LEAST_BUDGET, 2 ** 31);
  return Math.min(value, Math.max(most, LEAST_BUDGET));
}

function whole(name: string, value: number, low: number, high: number): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new RangeError(`${name} is ${value}: pass a whole number from ${low} to ${high}`);
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  const list = allowed.map((item) => `"${item}"`).join(", ");
  throw new TypeError(`${name} is "${value}": pass one of ${list}`);
}
