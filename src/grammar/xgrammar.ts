/**
 * Loads the library that matches tokens against grammars.
 *
 * It is made for browsers and for CommonJS, and finds what it needs in global names. They are there
 * while it starts, and gone afterwards; it reads no file, so they name none.
 *
 * @module
 */
import { createRequire } from "node:module";
import type * as Library from "@mlc-ai/web-xgrammar";

export type Xgrammar = typeof Library;

const PLACE = "/xgrammar.js";

/** Starts the library, which takes its WebAssembly memory only then. */
export async function loadXgrammar(): Promise<Xgrammar> {
  const scope = globalThis as unknown as Record<string, unknown> & { xgrammar: Xgrammar };
  const names = { require: createRequire(`file://${PLACE}`), __filename: PLACE, __dirname: "/" };
  Object.assign(scope, names);
  try {
    await import("@mlc-ai/web-xgrammar");
    const library = scope.xgrammar;
    (await library.Grammar.builtinJSONGrammar()).dispose();
    return library;
  } finally {
    for (const name of [...Object.keys(names), "xgrammar"]) delete scope[name];
  }
}
