/**
 * Which tokens may come next in generations that are held to a grammar.
 *
 * @module
 */
import type { CompiledGrammar, GrammarCompiler, GrammarMatcher } from "@mlc-ai/web-xgrammar";
import { MaskWriter } from "./mask_memory.ts";
import type { Vocabulary } from "./messages.ts";
import { withinTime } from "./time_limit.ts";
import { loadXgrammar, type Xgrammar } from "./xgrammar.ts";

/** The byte 0 in the byte alphabet, which no grammar has a place for. */
const NEVER = "\u0100";

/** What a `GrammarMatcher` calls. */
interface MatcherHandle {
  GetNextTokenBitmask?: (vocabulary: number) => unknown;
}

/** Its class, with what `createGrammarMatcher()` passes to it. */
type HandleClass = new (
  compiled: unknown,
  stopTokens: undefined,
  terminateWithoutStopToken: boolean,
  maxRollbackTokens: number,
) => MatcherHandle;

/** The constructor of a `GrammarMatcher`, which its types hide. */
type MatcherClass = new (handle: MatcherHandle, vocabulary: number) => GrammarMatcher;

/** Compiled grammars and the masks of open generations, for one vocabulary. */
export class TokenMasks {
  readonly #library: Xgrammar;
  readonly #compiler: GrammarCompiler;
  readonly #handleClass: HandleClass;
  readonly #vocabulary: number;
  readonly #mostMs: number;
  readonly #compiled = new Map<number, CompiledGrammar>();
  readonly #open = new Map<number, { matcher: GrammarMatcher; writer: MaskWriter }>();

  /**
   * Loads the matching library and the vocabulary. What then takes the library more than `mostMs`
   * milliseconds to begin with fails, and nothing here can be used any more.
   */
  static async load({ tokens, endTokens }: Vocabulary, mostMs: number): Promise<TokenMasks> {
    const library = await loadXgrammar();
    const info = await library.TokenizerInfo.createTokenizerInfo(
      tokens.map((token) => token === "" ? NEVER : token),
      "byte_level",
      false,
      tokens.length,
      [...endTokens],
    );
    const compiler = await library.GrammarCompiler.createGrammarCompiler(info, false);
    // The library gives no other way to its class, whose constructor may never come back.
    const compiled = await compiler.compileGrammar('root ::= ""');
    const matcher = await library.GrammarMatcher.createGrammarMatcher(compiled);
    const handleClass = matcher["handle"].constructor;
    matcher.dispose();
    compiled.dispose();
    return new TokenMasks(library, compiler, handleClass, tokens.length, mostMs);
  }

  private constructor(
    library: Xgrammar,
    compiler: GrammarCompiler,
    handleClass: HandleClass,
    vocabulary: number,
    mostMs: number,
  ) {
    this.#library = library;
    this.#compiler = compiler;
    this.#handleClass = handleClass;
    this.#vocabulary = vocabulary;
    this.#mostMs = mostMs;
  }

  /** Compiles a grammar, in EBNF. */
  async compile(grammar: number, text: string): Promise<void> {
    const parsed = await this.#library.Grammar.fromEBNF(text);
    const handle = this.#withinTime(() => this.#compiler.handle.CompileGrammar(parsed.handle));
    parsed.dispose();
    this.#compiled.set(grammar, new this.#library.CompiledGrammar(handle));
  }

  /** Frees a compiled grammar; masks that are open stay. */
  forget(grammar: number): void {
    this.#compiled.get(grammar)?.dispose();
    this.#compiled.delete(grammar);
  }

  /** Begins a generation that is held to a compiled grammar, and finds its first mask. */
  async open(mask: number, grammar: number, memory: SharedArrayBuffer): Promise<void> {
    const compiled = this.#compiled.get(grammar)!;
    const handle = this.#withinTime(() =>
      new this.#handleClass(compiled.handle, undefined, false, 0)
    );
    const Matcher = this.#library.GrammarMatcher as unknown as MatcherClass;
    const matcher = new Matcher(handle, this.#vocabulary);
    const writer = new MaskWriter(memory);
    this.#open.set(mask, { matcher, writer });
    // The library calls it when it is awaited, which is too late for a limit around it.
    const next = handle.GetNextTokenBitmask!.bind(handle);
    handle.GetNextTokenBitmask = (vocabulary) => this.#withinTime(() => next(vocabulary));
    writer.answer(await matcher.getNextTokenBitmask());
    delete handle.GetNextTokenBitmask;
  }

  /** Forgets the mask of a generation. */
  close(mask: number): void {
    this.#open.get(mask)?.matcher.dispose();
    this.#open.delete(mask);
  }

  /** Answers all tokens that were given. Returns how many there were. */
  async answer(): Promise<number> {
    let answered = 0;
    for (const { matcher, writer } of this.#open.values()) {
      const { token } = writer;
      if (token === undefined) continue;
      // The engine chose it among those that this matcher allowed.
      if (!matcher.acceptToken(token)) throw new Error(`The matcher refuses token ${token}`);
      writer.answer(await matcher.getNextTokenBitmask());
      answered++;
    }
    return answered;
  }

  #withinTime<T>(work: () => T): T {
    return withinTime(this.#mostMs, work);
  }
}
