/**
 * The options that users pass and the values that they get back, shared by the library, the command
 * line and the server.
 *
 * @module
 */
import type { Grammar } from "./grammar/grammar.ts";
import type { SnapshotStore } from "./store/store.ts";

/** How {@linkcode Runtime.load} loads a model. */
export interface RuntimeOptions {
  /**
   * Where the model runs. `auto` takes the CPU: no GPU has run this yet. `cuda` is the first GPU
   * that NVIDIA's driver shows, `cuda:1` the second, `metal` that of a Mac. `emulator` runs the
   * kernels of GPUs on the CPU, thread by thread: slow, and for tests.
   */
  device?: "auto" | "cpu" | "cuda" | `cuda:${number}` | "metal" | "emulator";
  /**
   * Type of the weights in memory; `auto` keeps what the checkpoint holds. `q8` and `q4` round
   * matrices to 8 or 4 bits in groups with a scale each; at `q4` those that need it have 8.
   */
  weights?: "auto" | "f32" | "bf16" | "q8" | "q4";
  /**
   * Keeps the weights, as the kernels read them, in a file beside the model (`true`) or in this
   * folder (default `false`). The next load with the same weights maps it, which takes well under a
   * second and no memory of the process's own. A file that does not go with the model any more, or
   * is damaged, is written anew.
   */
  cache?: boolean | string;
  /** Sessions that can be open at once (default 8). Their memory is allocated at load. */
  sessions?: number;
  /**
   * In place of `sessions`: bytes for the states of all sessions, which decide how many there are.
   */
  memory?: number;
  /**
   * Tokens that a session's full-attention layers hold (default 4096; at least 96, at most the
   * trained length). A longer session goes on, but attends only to the tokens that its layers have
   * kept.
   */
  attentionBudget?: number;
  /** Tokens that these layers read of those that they hold, at most (default all; at least 128). */
  attentionRead?: number;
  /**
   * Bytes of states that are kept in memory beside the sessions (default 256 MiB; 0 keeps none), so
   * that a prompt that begins like an earlier one is not computed again, and that sessions can go
   * back.
   */
  prefixCache?: number;
  /**
   * Where the states of idle sessions go when slots are wanted, and those of prompts, so that other
   * runtimes of the model find them; and all sessions that have an id. The caller closes it, after
   * the runtime.
   */
  store?: SnapshotStore;
  /**
   * How long a session in the store stays this runtime's when the runtime dies or is silent, in
   * milliseconds (default 15000).
   */
  leaseTime?: number;
  /** How many may wait for a session at once (default 1024); more are refused. */
  queue?: number;
  /** Type of cached keys and values (default `bf16`). */
  cacheType?: "f32" | "bf16";
  /**
   * Type of the recurrent states (default `f32`). `bf16` halves them; they are computed in f32 and
   * rounded after each pass, so that results depend on how tokens are grouped into passes.
   */
  stateType?: "f32" | "bf16";
  /** Measures the time of each operator, for {@linkcode Runtime.profile} (default false). */
  profile?: boolean;
  /** Threads of the device; 0 (the default) is one for each physical core. */
  threads?: number;
  /**
   * Instruction set of the CPU kernels; `auto` (the default) is the best that the processor has.
   */
  instructionSet?: string;
  /** Hears how far the load is: at its begin and end, and now and then between. */
  progress?: (progress: LoadProgress) => void;
  /** Where models named "org/name" are kept (default `~/.cache/huggingface/hub`). */
  cacheFolder?: string;
}

/** How far {@linkcode Runtime.load} is. */
export interface LoadProgress {
  /** Weights that are in the device's memory, in numbers, not bytes. */
  readonly weights: number;
  /** All weights of the model. */
  readonly totalWeights: number;
}

/** Options of {@linkcode Runtime.restore} and {@linkcode Session.fork}. */
export interface ForkOptions {
  /**
   * A name under which the session is kept in the runtime's store, from turn to turn, until it is
   * deleted: a text of 1 to 256 characters. While it is open, no other runtime can open it. Without
   * one, the session is gone when it is closed.
   */
  id?: string;
  /** Wait for a free session when all are in use, in place of failing. */
  wait?: boolean;
  /** Gives up waiting. */
  signal?: AbortSignal;
}

/** Options of {@linkcode Runtime.session}. */
export interface SessionOptions extends ForkOptions {
  /**
   * Whether the store must (`true`) or must not (`false`) have a session of this id; without it, a
   * session that is not there is begun.
   */
  exists?: boolean;
  /**
   * Tokens that the full-attention layers of a new session hold (default and most: the runtime's).
   * One that the store has keeps its own.
   */
  attentionBudget?: number;
}

/** A session with a name. */
export interface SessionEntry {
  /** Its name in the store. */
  readonly id: string;
  /**
   * `open` in a slot of this runtime, `parked` by this runtime, or `stored`: not here, though it
   * may be at another runtime.
   */
  readonly state: "open" | "parked" | "stored";
  /** Bytes of its snapshot in the store; 0 before it is first saved. */
  readonly bytes: number;
  /** When the snapshot was last written or read, in milliseconds since 1970. */
  readonly usedAt: number;
}

/** Options of {@linkcode Session.append}. */
export interface AppendOptions {
  /** Which logits to return: of the last token (the default), of all tokens, or none. */
  logits?: "last" | "all" | "none";
  /** Stops at the next step; what was appended until then stays in the session. */
  signal?: AbortSignal;
}

/** What of a prompt was not computed, because a state was kept that it begins with. */
export interface Reuse {
  /** Tokens at the front of the prompt. */
  readonly tokens: number;
  /** Why there are no more, where more are known or could be. */
  readonly why?: string;
  /** The same in a word, for programs. */
  readonly cause?: ReuseLimit;
}

/**
 * Why a prompt was not reused further: the prefix cache is `off`, the `logits` of all its tokens
 * are asked for, more of it is known but there is `no_state`, or the `store` failed.
 */
export type ReuseLimit = "off" | "logits" | "no_state" | "store";

/**
 * How the next token is chosen. What is left out comes from the model's `generation_config.json`.
 */
export interface SamplingOptions {
  /** Divides the logits; 0 always takes the most probable token. */
  temperature?: number;
  /** Keeps the k most probable tokens; 0 keeps all. */
  topK?: number;
  /** Keeps the most probable tokens that together reach this probability. */
  topP?: number;
  /** Drops tokens less probable than this share of the most probable one. */
  minP?: number;
  /**
   * Divides positive and multiplies negative logits of tokens that the session has seen; 1 is off.
   */
  repetitionPenalty?: number;
  /** Subtracted from the logit of every token generated so far. */
  presencePenalty?: number;
  /** Subtracted from a token's logit once for each time that it was generated. */
  frequencyPenalty?: number;
  /** Added to the logits of these token ids. */
  logitBias?: Readonly<Record<number, number>>;
  /**
   * Makes the choice repeatable: a whole number from 0 to 2^53 - 1. Without it, a session's first
   * generation is random, and later ones go on with its random numbers: two generations are then
   * the same as one of their length.
   */
  seed?: number;
}

/** Options of {@linkcode Session.generate}. */
export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to generate; without it, until an end token or until the session is full. */
  maxTokens?: number;
  /** Texts that end the generation; they are not part of the result. */
  stop?: string | readonly string[];
  /**
   * What the text is held to, such as `Grammar.json(schema)`. The generation ends with the text, if
   * `maxTokens` does not cut it off before. Log-probabilities stay those of the model alone.
   */
  grammar?: Grammar;
  /** Token ids that end the generation, besides the model's end tokens. */
  stopIds?: readonly number[];
  /** Goes on past the model's end tokens. */
  ignoreEos?: boolean;
  /**
   * Also gives the log-probabilities of this many most probable tokens (0 ... 20) with each token.
   */
  topLogprobs?: number;
  /**
   * Tokens that may be computed before they are read (default 0). With 0, leaving the loop leaves
   * the session exactly after the last token read; more hides the reader's delay when several
   * sessions run.
   */
  lookahead?: number;
  /** Ends the generation with the signal's reason at the next step. */
  signal?: AbortSignal;
}

/** Why a generation ended: an end token or stop text, or `maxTokens` or a full session. */
export type FinishReason = "stop" | "length";

/** Probability of one token before penalties and temperature, as its natural logarithm. */
export interface TokenLogprob {
  /** The token's id. */
  readonly id: number;
  /** Natural logarithm of its probability. */
  readonly logprob: number;
}

/** One generated token. */
export interface GeneratedToken extends TokenLogprob {
  /**
   * Text that has become certain with this token: whole characters only, without what may yet turn
   * out to begin a stop text. Empty for an end token and without a tokenizer.
   */
  readonly text: string;
  /** The most probable tokens, when `topLogprobs` asked for them. */
  readonly topLogprobs?: readonly TokenLogprob[];
  /** On the last token only. */
  readonly finishReason?: FinishReason;
}

/** One message of a conversation, as chat templates take it. */
export interface ChatMessage {
  /** Who says it, in the words of the model's chat template. */
  readonly role: string;
  /** What is said. */
  readonly content: string;
  /** What else the chat template knows. */
  readonly [field: string]: unknown;
}

/** Options of {@linkcode Runtime.chat}. */
export interface ChatOptions extends GenerateOptions {
  /** Tool descriptions for the chat template. */
  tools?: readonly unknown[];
  /** Waits for a free session (the default); false fails when all are in use. */
  wait?: boolean;
}
