/**
 * Which tokens may come next in generations that are held to a grammar.
 *
 * @module
 */
import type { CompiledGrammar, GrammarCompiler, GrammarMatcher } from "@mlc-ai/web-xgrammar";
import type { TokenMask } from "../engine/token_mask.ts";
import type { Vocabulary } from "../protocol.ts";
import { loadXgrammar, type Xgrammar } from "./xgrammar.ts";

/** Compiled grammars that are kept for later generations. */
const MOST_COMPILED = 16;

/** The byte 0 in the byte alphabet, which no grammar has a place for. */
const NEVER = "\u0100";

/** What compiles and matches, for one vocabulary. */
interface Matching {
  readonly library: Xgrammar;
  readonly compiler: GrammarCompiler;
}

/** The masks of an engine's sessions. Nothing is loaded before the first is asked for. */
export class TokenMasks {
  #vocabulary: Vocabulary | undefined;
  #matching: Promise<Matching> | undefined;
  /** By the texts of their grammars, those last used last. */
  readonly #compiled = new Map<string, CompiledGrammar>();
  readonly #open = new Map<number, MatcherMask>();

  /** Tells what the tokens are, before the first mask. */
  learn(vocabulary: Vocabulary): void {
    this.#vocabulary = vocabulary;
  }

  /** The mask of a session's next generation, in place of its last one. */
  async open(session: number, grammar: string): Promise<TokenMask> {
    this.close(session);
    const { library } = await (this.#matching ??= this.#load());
    const compiled = await this.#compile(grammar);
    const matcher = await library.GrammarMatcher.createGrammarMatcher(compiled);
    const mask = new MatcherMask(matcher);
    await mask.refresh();
    this.#open.set(session, mask);
    return mask;
  }

  /** Whether {@linkcode TokenMasks.refresh} has to come before the next token. */
  get stale(): boolean {
    for (const mask of this.#open.values()) {
      if (mask.stale) return true;
    }
    return false;
  }

  /** Finds what may come after the tokens that were accepted. */
  async refresh(): Promise<void> {
    for (const mask of this.#open.values()) {
      if (mask.stale) await mask.refresh();
    }
  }

  /** Forgets the mask of a session. */
  close(session: number): void {
    this.#open.get(session)?.dispose();
    this.#open.delete(session);
  }

  async #load(): Promise<Matching> {
    const { tokens, endTokens } = this.#vocabulary!;
    this.#vocabulary = undefined;
    const library = await loadXgrammar();
    const info = await library.TokenizerInfo.createTokenizerInfo(
      tokens.map((token) => token === "" ? NEVER : token),
      "byte_level",
      false,
      tokens.length,
      [...endTokens],
    );
    return { library, compiler: await library.GrammarCompiler.createGrammarCompiler(info, false) };
  }

  async #compile(grammar: string): Promise<CompiledGrammar> {
    const { compiler } = await this.#matching!;
    const compiled = this.#compiled.get(grammar) ?? await compiler.compileGrammar(grammar);
    this.#compiled.delete(grammar);
    this.#compiled.set(grammar, compiled);
    if (this.#compiled.size > MOST_COMPILED) {
      const [[oldest, unused]] = this.#compiled as unknown as [[string, CompiledGrammar]];
      this.#compiled.delete(oldest);
      unused.dispose();
    }
    return compiled;
  }
}

/** The mask of a matcher. */
class MatcherMask implements TokenMask {
  readonly #matcher: GrammarMatcher;
  #allowed: Int32Array = new Int32Array();
  #stale = true;

  constructor(matcher: GrammarMatcher) {
    this.#matcher = matcher;
  }

  get allowed(): Int32Array {
    return this.#allowed;
  }

  get complete(): boolean {
    return this.#matcher.isTerminated();
  }

  /** Whether tokens were accepted since the mask was made, and more may come. */
  get stale(): boolean {
    return this.#stale && !this.complete;
  }

  accept(id: number): boolean {
    this.#stale = true;
    return this.#matcher.acceptToken(id);
  }

  async refresh(): Promise<void> {
    this.#allowed = await this.#matcher.getNextTokenBitmask();
    this.#stale = false;
  }

  dispose(): void {
    this.#matcher.dispose();
  }
}
