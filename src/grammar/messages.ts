/**
 * The messages between the main isolate and a Worker that matches grammars. Tokens and masks cross
 * in memory that is shared; see `mask_memory.ts`.
 *
 * @module
 */

/** What the tokens stand for. */
export interface Vocabulary {
  /** Each token in the byte alphabet of `tokenizer.json`, or "" where it can be no text. */
  readonly tokens: readonly string[];
  /** Ids that may come when the text is complete. */
  readonly endTokens: readonly number[];
}

/** First message to the Worker. */
export interface MatcherStart {
  readonly port: MessagePort;
  /** One Int32 that is incremented and notified when there is something to do. */
  readonly bell: SharedArrayBuffer;
  /** The engine's, to be rung after each answer. */
  readonly engineBell: SharedArrayBuffer;
  readonly vocabulary: Vocabulary;
  /** Milliseconds that compiling a grammar may take. */
  readonly mostMs: number;
}

/** Commands to the Worker. Grammars and masks are numbered by the sender. */
export type MatcherCommand =
  | { readonly type: "compile"; readonly grammar: number; readonly text: string }
  | { readonly type: "forget"; readonly grammar: number }
  | {
    readonly type: "open";
    readonly mask: number;
    readonly grammar: number;
    readonly memory: SharedArrayBuffer;
  }
  | { readonly type: "close"; readonly mask: number }
  | { readonly type: "stop" };

/** Messages from the Worker. */
export type MatcherEvent =
  | { readonly type: "ready" }
  | { readonly type: "compiled"; readonly grammar: number }
  /** The first mask is there. */
  | { readonly type: "opened"; readonly mask: number }
  /** The library has given up, and the Worker with it. */
  | { readonly type: "failed"; readonly message: string };
