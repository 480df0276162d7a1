/**
 * What a runtime tells of itself: its work, its memory and what it runs on.
 *
 * @module
 */
import type { Backend } from "../kernels/build.ts";

/** What a runtime has to do now, and what it has done since it was loaded. */
export interface Activity {
  /** Sessions with a slot. */
  readonly open: number;
  /** Requests that wait for a slot. */
  readonly waiting: number;
  /** What the engine has done. */
  readonly work: EngineWork;
  /** Why the runtime can be used no more, once its engine has failed or it was closed. */
  readonly failure: string | undefined;
}

/** What an engine has done, as of the last result that it has told. */
export interface EngineWork {
  /** Passes through the model. */
  readonly passes: number;
  /** Sessions in them, each as often as it was in one. */
  readonly sessions: number;
  /** Tokens in them. */
  readonly tokens: number;
  /** What they took. */
  readonly milliseconds: number;
  /** Bytes of the states that are kept for prompts that begin alike. */
  readonly keptBytes: number;
  /** Kernels of the pass that was replayed last; 0 where none was, as on a CPU. */
  readonly launches: number;
  /** Shapes of passes that the device refused to record; they run eagerly, which is slower. */
  readonly refusedRecordings: number;
  /** What the device said when it refused last. */
  readonly refusal: string | undefined;
}

/** How long the calls of an operator took together, for matrix products those with one matrix. */
export interface OperatorTime {
  /** Name, and for matrix products the type and shape of the matrix. */
  readonly operator: string;
  /** Times that it was called. */
  readonly calls: number;
  /** Milliseconds of all calls together. */
  readonly ms: number;
}

/** What runs a model: a kernel library, on so many threads. */
export interface BackendReport {
  /** Which of the libraries. */
  readonly name: Backend;
  /** Path of the library. */
  readonly library: string;
  /** What it was opened as: an instruction set, `auto`, or one of several GPUs as `cuda:1`. */
  readonly openedAs: string;
  /** That its kernels use, such as `avx2`. */
  readonly instructionSet: string;
  /** That share the work. */
  readonly threads: number;
}

/** Bytes that a runtime holds. */
export interface MemoryReport {
  /** Bytes of the weights. */
  readonly weights: number;
  /** Bytes of the memory that passes through the model need. */
  readonly scratch: number;
  /** State of one session. */
  readonly session: number;
  /** Sessions that can be open at once. */
  readonly sessions: number;
  /** Most that states for later prompts take. */
  readonly prefixCache: number;
}
