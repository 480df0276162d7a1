/**
 * Which tokens may come next in generations that are held to a grammar.
 *
 * @module
 */
import type { CompiledGrammar, GrammarCompiler, GrammarMatcher } from "@mlc-ai/web-xgrammar";
import { MaskWriter } from "./mask_memory.ts";
import type { Vocabulary } from "./messages.ts";
import { loadXgrammar, type Xgrammar } from "./xgrammar.ts";

/** The byte 0 in the byte alphabet, which no grammar has a place for. */
const NEVER = "\u0100";

/** Compiled grammars and the masks of open generations, for one vocabulary. */
export class TokenMasks {
  readonly #library: Xgrammar;
  readonly #compiler: GrammarCompiler;
  readonly #compiled = new Map<number, CompiledGrammar>();
  readonly #open = new Map<number, { matcher: GrammarMatcher; writer: MaskWriter }>();

  /** Loads the matching library and the vocabulary. */
  static async load({ tokens, endTokens }: Vocabulary): Promise<TokenMasks> {
    const library = await loadXgrammar();
    const info = await library.TokenizerInfo.createTokenizerInfo(
      tokens.map((token) => token === "" ? NEVER : token),
      "byte_level",
      false,
      tokens.length,
      [...endTokens],
    );
    const compiler = await library.GrammarCompiler.createGrammarCompiler(info, false);
    return new TokenMasks(library, compiler);
  }

  private constructor(library: Xgrammar, compiler: GrammarCompiler) {
    this.#library = library;
    this.#compiler = compiler;
  }

  /** Compiles a grammar, in EBNF. */
  async compile(grammar: number, text: string): Promise<void> {
    this.#compiled.set(grammar, await this.#compiler.compileGrammar(text));
  }

  /** Frees a compiled grammar; masks that are open stay. */
  forget(grammar: number): void {
    this.#compiled.get(grammar)?.dispose();
    this.#compiled.delete(grammar);
  }

  /** Begins a generation that is held to a compiled grammar, and finds its first mask. */
  async open(mask: number, grammar: number, memory: SharedArrayBuffer): Promise<void> {
    const compiled = this.#compiled.get(grammar)!;
    const matcher = await this.#library.GrammarMatcher.createGrammarMatcher(compiled);
    const writer = new MaskWriter(memory);
    this.#open.set(mask, { matcher, writer });
    writer.answer(await matcher.getNextTokenBitmask());
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
}
