/**
 * The messages between the main isolate and the engine's Worker. Text stays on the main side: what
 * crosses is token ids, parameters and numbers.
 *
 * @module
 */
import type { Backend } from "../kernels/build.ts";
import type { ModelConfig } from "./config.ts";
import type { SamplingParameters } from "./engine/sampler.ts";
import type { WeightType } from "./model/weight_types.ts";
import type { WeightsSummary } from "./model/weights.ts";
import type { FinishReason, LoadProgress, Reuse, TokenLogprob } from "./options.ts";
import type { BackendReport, EngineWork, MemoryReport, OperatorTime } from "./reports.ts";

/** Where the weights come from. */
export type ModelSource =
  | { readonly kind: "checkpoint"; readonly folder: string }
  | { readonly kind: "random"; readonly seed: number };

/** What the engine is built from. */
export interface EngineOptions {
  readonly weights: WeightType;
  /** Whether packed weights are kept in a file beside the model, or the folder for it. */
  readonly cache: boolean | string;
  /** Whether to measure the time of each operator. */
  readonly profile: boolean;
  readonly sessions: number;
  /**
   * Bytes of the states of all sessions, which decide how many there are in place of `sessions`.
   */
  readonly memory: number | undefined;
  readonly attentionBudget: number;
  /** Tokens that a full-attention layer reads of those that it holds; Infinity reads all. */
  readonly attentionRead: number;
  readonly cacheType: "f32" | "bf16";
  readonly stateType: "f32" | "bf16";
  /** Bytes of states that are kept for prompts that begin alike and for going back. */
  readonly prefixCache: number;
  /** Tokens of a prompt that go through the model in one pass. */
  readonly prefillPiece: number;
  /** Tokens of one step of the chunked gated delta rule; 0: never chunked. */
  readonly deltaChunk: number;
}

/** First message to the Worker. */
export interface StartMessage {
  readonly port: MessagePort;
  /** One Int32 that main increments and notifies after each command, to wake a sleeping engine. */
  readonly bell: Int32Array;
  readonly config: ModelConfig;
  readonly source: ModelSource;
  readonly engine: EngineOptions;
  readonly device: {
    readonly backend: Backend;
    readonly instructionSet: string;
    readonly threads: number;
  };
}

/** What a generation is started with. */
export interface GenerateRequest {
  readonly sampling: SamplingParameters;
  readonly endTokens: readonly number[];
  readonly maxTokens: number;
  /** Tokens that may be generated before the first `credit`. */
  readonly credit: number;
  /** What the tokens are held to. */
  readonly mask?: MaskShare;
}

/** The mask of a generation, in memory that the engine shares with a matcher. */
export interface MaskShare {
  readonly memory: SharedArrayBuffer;
  /** One Int32 that the engine increments and notifies after each token. */
  readonly bell: SharedArrayBuffer;
  /** Ids that may come when the text is complete. */
  readonly endTokens: readonly number[];
}

/**
 * Commands to the engine. Sessions are numbered by the sender. Token ids, as i32, and snapshots are
 * bare buffers, which are moved: a typed array comes out of a port that is read without waiting
 * element by element, 10 s for a large snapshot.
 */
export type Command =
  | { readonly type: "open"; readonly session: number; readonly attentionBudget: number }
  | {
    readonly type: "restore";
    readonly session: number;
    readonly bytes: ArrayBuffer;
  }
  | { readonly type: "fork"; readonly session: number; readonly from: number }
  | { readonly type: "snapshot"; readonly session: number }
  | { readonly type: "rewind"; readonly session: number; readonly position: number }
  | {
    readonly type: "append";
    readonly session: number;
    readonly tokens: ArrayBuffer;
    readonly logits: "last" | "all" | "none";
    /** A snapshot after some of the first tokens, when the session is empty. */
    readonly prefix?: ArrayBuffer;
  }
  /** Asks how many of the tokens at the front need not be computed. */
  | { readonly type: "probe"; readonly session: number; readonly tokens: ArrayBuffer }
  | ({ readonly type: "generate"; readonly session: number } & GenerateRequest)
  | { readonly type: "credit"; readonly session: number; readonly tokens: number }
  | { readonly type: "cancel"; readonly session: number }
  | { readonly type: "close"; readonly session: number }
  | { readonly type: "stop" };

/** What every event but `closed` tells of its session. */
interface SessionFacts {
  readonly session: number;
  /** Tokens that it now holds. */
  readonly position: number;
  /** Position from which on its attention is no longer exact, if there is one. */
  readonly inexactFrom?: number;
}

/** What happened to one session. */
export type EngineEvent =
  | ({ readonly type: "opened"; readonly attentionBudget: number } & SessionFacts)
  | (
    & {
      readonly type: "appended";
      readonly logits: Float32Array<ArrayBuffer> | undefined;
      readonly reuse: Reuse;
    }
    & SessionFacts
  )
  | (
    & {
      readonly type: "token";
      readonly id: number;
      readonly logprob: number;
      readonly topLogprobs?: readonly TokenLogprob[];
      /** Whether it is the first of its generation. */
      readonly isFirst: boolean;
      readonly finishReason?: FinishReason;
    }
    & SessionFacts
  )
  | (
    & {
      readonly type: "snapshot";
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** All tokens that are in the states, when they are known. */
      readonly tokens: Int32Array<ArrayBuffer> | undefined;
    }
    & SessionFacts
  )
  | ({ readonly type: "probed"; readonly known: number } & SessionFacts)
  /** An append or a generation ended early, by a cancel. */
  | ({ readonly type: "cancelled" } & SessionFacts)
  | { readonly type: "closed"; readonly session: number }
  /** `refused`: what was asked for is wrong, and nothing else is. */
  | (
    & { readonly type: "failed"; readonly message: string; readonly refused?: boolean }
    & SessionFacts
  );

/** Messages from the Worker. */
export type WorkerMessage =
  | ({ readonly type: "loading" } & LoadProgress)
  | {
    readonly type: "ready";
    readonly memory: MemoryReport;
    readonly weightsType: WeightsSummary;
    readonly weightsFile: string | undefined;
    readonly backend: BackendReport;
    readonly fingerprint: string;
  }
  | { readonly type: "failed"; readonly message: string }
  /** All events of one pass, or of several short ones. */
  | {
    readonly type: "events";
    readonly events: readonly EngineEvent[];
    readonly work: EngineWork;
  }
  | { readonly type: "stopped"; readonly profile: readonly OperatorTime[] | undefined };
