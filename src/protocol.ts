/**
 * The messages between the main isolate and the engine's Worker. Text stays on the main side: what
 * crosses is token ids, parameters and numbers.
 *
 * @module
 */
import type { ModelConfig } from "./config.ts";
import type { SamplingParameters } from "./engine/sampler.ts";
import type { WeightType } from "./model/weight_types.ts";
import type { WeightsSummary } from "./model/weights.ts";
import type { FinishReason, MemoryReport, TokenLogprob } from "./options.ts";

/** Where the weights come from. */
export type ModelSource =
  | { readonly kind: "checkpoint"; readonly folder: string }
  | { readonly kind: "random"; readonly seed: number };

/** What the engine is built from. */
export interface EngineOptions {
  readonly weights: WeightType;
  readonly sessions: number;
  readonly attentionBudget: number;
  readonly cacheType: "f32" | "bf16";
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
  readonly device: { readonly instructionSet: string; readonly threads: number };
}

/** What a generation is started with. */
export interface GenerateRequest {
  readonly sampling: SamplingParameters;
  readonly endTokens: readonly number[];
  readonly maxTokens: number;
  /** Tokens that may be generated before the first `credit`. */
  readonly credit: number;
}

/** Commands to the engine. Sessions are numbered by the sender. */
export type Command =
  | { readonly type: "open"; readonly session: number }
  | {
    readonly type: "append";
    readonly session: number;
    readonly tokens: Int32Array;
    readonly logits: "last" | "all" | "none";
  }
  | ({ readonly type: "generate"; readonly session: number } & GenerateRequest)
  | { readonly type: "credit"; readonly session: number; readonly tokens: number }
  | { readonly type: "cancel"; readonly session: number }
  | { readonly type: "close"; readonly session: number }
  | { readonly type: "stop" };

/** What happened to one session. `position` is the number of tokens that it now holds. */
export type EngineEvent =
  | {
    readonly type: "appended";
    readonly session: number;
    readonly position: number;
    readonly logits: Float32Array<ArrayBuffer> | undefined;
  }
  | {
    readonly type: "token";
    readonly session: number;
    readonly position: number;
    readonly id: number;
    readonly logprob: number;
    readonly topLogprobs?: readonly TokenLogprob[];
    readonly finishReason?: FinishReason;
  }
  /** An append or a generation ended early, by a cancel. */
  | { readonly type: "cancelled"; readonly session: number; readonly position: number }
  | { readonly type: "closed"; readonly session: number }
  | {
    readonly type: "failed";
    readonly session: number;
    readonly position: number;
    readonly message: string;
  };

/** Messages from the Worker. */
export type WorkerMessage =
  | {
    readonly type: "ready";
    readonly memory: MemoryReport;
    readonly weightsType: WeightsSummary;
    readonly backend: {
      readonly library: string;
      readonly instructionSet: string;
      readonly threads: number;
    };
  }
  | { readonly type: "failed"; readonly message: string }
  /** All events of one pass. */
  | { readonly type: "events"; readonly events: readonly EngineEvent[] }
  | { readonly type: "stopped" };
