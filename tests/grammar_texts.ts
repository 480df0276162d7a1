/**
 * Whether texts are in a grammar, as the matcher sees it.
 *
 * @module
 */
import type { Grammar } from "../src/grammar/grammar.ts";
import { loadXgrammar } from "../src/grammar/xgrammar.ts";

const END = 1;

let loaded: ReturnType<typeof load> | undefined;

async function load() {
  const library = await loadXgrammar();
  const info = await library.TokenizerInfo.createTokenizerInfo(["a", "b"], "byte_level", false, 2, [
    END,
  ]);
  return { library, compiler: await library.GrammarCompiler.createGrammarCompiler(info, false) };
}

/** Tells of a text whether it is in the grammar. */
export async function textsOf(grammar: Grammar): Promise<(text: string) => boolean> {
  const { library, compiler } = await (loaded ??= load());
  const compiled = await compiler.compileGrammar(grammar.text);
  const matcher = await library.GrammarMatcher.createGrammarMatcher(compiled);
  return (text) => {
    matcher.reset();
    return (text === "" || matcher._debugAcceptString(text)) && matcher.acceptToken(END);
  };
}
