/**
 * The Workers that match grammars, and which grammar is compiled in which of them.
 *
 * @module
 */
import type { MaskShare } from "../protocol.ts";
import { SessionError } from "../session_error.ts";
import { MatcherClient } from "./matcher_client.ts";
import type { Vocabulary } from "./messages.ts";

/** Workers with the whole vocabulary: with two, one can match while the other compiles. */
const MOST_WORKERS = 2;

/** Compiled grammars that are kept for later generations. */
const MOST_COMPILED = 16;

/** Milliseconds that compiling for a vocabulary of a few tokens may take. */
const MOST_TRIAL_MS = 5000;

/** Milliseconds that compiling for the whole vocabulary may take. */
const MOST_COMPILE_MS = 60_000;

const CLOSED = "The runtime is closed; load the model again";

/** A vocabulary that grammars are tried with. */
const TRIAL: Vocabulary = { tokens: ["a", '"', ""], endTokens: [2] };

/** A grammar on its way into a Worker. */
interface Compiled {
  /** The Worker, once the grammar has been tried. */
  matcher?: MatcherClient;
  readonly place: Promise<{ readonly matcher: MatcherClient; readonly number: number }>;
}

/**
 * The library aborts on a grammar that it cannot bear, or never comes back. So each grammar is
 * tried first, with a vocabulary of nothing, in a Worker that no generation needs.
 */
export class Matchers {
  readonly #vocabulary: () => Vocabulary;
  readonly #engineBell: Int32Array;
  readonly #mostMs: number;
  #known: Vocabulary | undefined;
  #stopped = false;
  #trial: MatcherClient | undefined;
  /** Ends once all trials before have. */
  #trials: Promise<unknown> = Promise.resolve();
  readonly #matchers = new Set<MatcherClient>();
  /** By the texts of their grammars, those last used last. */
  readonly #compiled = new Map<string, Compiled>();

  /**
   * Nothing is started, and `vocabulary` not called, before the first grammar comes. A Worker that
   * compiles one for more than `mostMs` milliseconds is replaced.
   */
  constructor(
    vocabulary: () => Vocabulary,
    engineBell: Int32Array,
    { mostMs = MOST_COMPILE_MS }: { mostMs?: number } = {},
  ) {
    this.#mostMs = mostMs;
    this.#vocabulary = vocabulary;
    this.#engineBell = engineBell;
  }

  /**
   * What holds one generation to a grammar in EBNF, until it is disposed of.
   *
   * @throws {SessionError} The grammar cannot be compiled.
   */
  async open(grammar: string, signal?: AbortSignal): Promise<MaskShare & Disposable> {
    this.#expectRunning();
    const opened = this.#find(grammar).place.then(({ matcher, number }) =>
      matcher.open(number).catch(refuse)
    );
    if (!signal) return await opened;
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort);
    try {
      if (signal.aborted) abort();
      return await Promise.race([opened, aborted.promise]);
    } catch (error) {
      opened.then((mask) => mask[Symbol.dispose](), () => {});
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Ends all Workers. */
  stop(): void {
    this.#stopped = true;
    for (const matcher of [...this.#matchers, this.#trial]) {
      matcher?.fail(CLOSED);
    }
  }

  #expectRunning(): void {
    if (this.#stopped) throw new SessionError("closed", CLOSED);
  }

  #find(grammar: string): Compiled {
    const known = this.#compiled.get(grammar);
    const compiled = known ?? this.#compile(grammar);
    this.#compiled.delete(grammar);
    this.#compiled.set(grammar, compiled);
    if (this.#compiled.size > MOST_COMPILED) {
      const [[oldest, { place }]] = this.#compiled as unknown as [[string, Compiled]];
      this.#compiled.delete(oldest);
      place.then(({ matcher, number }) => matcher.forget(number), () => {});
    }
    return compiled;
  }

  #compile(grammar: string): Compiled {
    // It starts while the grammar is tried.
    if (this.#matchers.size === 0) this.#start();
    const compile = async () => {
      await this.#try(grammar);
      const matcher = compiled.matcher = this.#leastLoaded();
      return { matcher, number: await matcher.compile(grammar).catch(refuse) };
    };
    const compiled: Compiled = { place: Promise.resolve().then(compile) };
    // What cannot be compiled is not kept; whoever waits for it is told.
    compiled.place.catch(() => {
      if (this.#compiled.get(grammar) === compiled) this.#compiled.delete(grammar);
    });
    return compiled;
  }

  #leastLoaded(): MatcherClient {
    const [least] = [...this.#matchers].toSorted((a, b) => a.load - b.load);
    const isFree = least && (least.load === 0 || this.#matchers.size === MOST_WORKERS);
    return isFree ? least : this.#start();
  }

  #start(): MatcherClient {
    // A grammar may have been tried until just now: nobody would end the Worker.
    this.#expectRunning();
    this.#known ??= this.#vocabulary();
    const matcher = new MatcherClient(this.#known, this.#engineBell, this.#mostMs, () => {
      this.#matchers.delete(matcher);
      for (const [grammar, compiled] of this.#compiled) {
        if (compiled.matcher === matcher) this.#compiled.delete(grammar);
      }
    });
    this.#matchers.add(matcher);
    return matcher;
  }

  /** Compiles a grammar where nothing is lost when that fails. */
  #try(grammar: string): Promise<void> {
    const trial = this.#trials.then(async () => {
      this.#expectRunning();
      const matcher = this.#trial ??= new MatcherClient(
        TRIAL,
        this.#engineBell,
        MOST_TRIAL_MS,
        () => {
          this.#trial = undefined;
        },
      );
      const number = await matcher.compile(grammar).catch(refuse);
      (await matcher.open(number).catch(refuse))[Symbol.dispose]();
      matcher.forget(number);
    });
    this.#trials = trial.catch(() => {});
    return trial;
  }
}

function refuse(error: Error): never {
  throw new SessionError("refused", `The grammar cannot be compiled: ${error.message}`);
}
