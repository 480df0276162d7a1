import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Grammar } from "../src/grammar/grammar.ts";
import { textsOf } from "./grammar_texts.ts";

/** Expressions, texts that they match as a whole, and texts that they do not. */
const MATCHED: readonly [expression: string, good: string[], bad: string[]][] = [
  ["", [""], ["a"]],
  ["a", ["a"], ["", "b", "aa"]],
  ["^ab?c*$", ["a", "ab", "acc", "abccc"], ["b", "abb", "ca"]],
  ["a|bc|", ["a", "bc", ""], ["abc", "b"]],
  ["(a|b)+c", ["ac", "bac"], ["c", "abd"]],
  ["(?:x(?<name>y|z)){2}", ["xyxz"], ["xy", "xyxyxy"]],
  ["a{2,3}?b{1,}c{0}d{2}", ["aabdd", "aaabbbdd"], ["abdd", "aaaabdd", "aabd"]],
  ["[0-9a-f]{8}-[0-9A-F]", ["01ab9f00-D"], ["01ab9f0-D", "01ab9g00-D"]],
  ["[^a-c\\n]", ["d", "A", " ", "é", "🦊"], ["a", "c", "\n", "dd"]],
  ["[\\]\\-x-]", ["]", "-", "x"], ["\\", "y"]],
  ["[é-ë]x", ["éx", "ëx"], ["ex", "ìx"]],
  ["[\\d.]+", ["3.14", "."], ["", "a"]],
  ["\\w+\\s\\S", ["fox !", "a_1\tb"], ["fox", "a  "]],
  ["\\D\\W", ["a!", "é "], ["1!", "aa"]],
  [".*", ["", 'any "thing" \\ at all, även 🦊'], ["a\nb"]],
  ["\\x41\\u0042\\u{1F98A}\\t\\.\\/\\$", ["AB🦊\t./$"], ["AB🦊\t.."]],
  ['"\\\\', ['"\\'], ["\\"]],
  ["naïve|🦊{2}", ["naïve", "🦊🦊"], ["naive", "🦊"]],
];

Deno.test("Grammar.regex() has the texts that its expression matches and no others", async () => {
  for (const [expression, good, bad] of MATCHED) {
    const has = await textsOf(Grammar.regex(expression));
    const whole = new RegExp(`^(?:${expression})$`, "u");
    for (const text of [...good, ...bad]) {
      const isGood = good.includes(text);
      assertEquals([whole.test(text), has(text)], [isGood, isGood], `${expression}: ${text}`);
    }
  }
});

/** Expressions that are refused, and a part of the sentence. */
const REFUSED: readonly [expression: string, words: string][] = [
  ["a(?=b)", "looks around, which cannot be kept, at character 2"],
  ["(?<!a)b", "looks around"],
  ["(?i)a", "has a group of an unknown kind"],
  ["(a)\\1", 'has "\\1", which cannot be kept, at character 4'],
  ["a\\b", 'has "\\b"'],
  ["\\p{L}", 'has "\\p"'],
  ["a^b", 'has a "^" inside'],
  ["(a$)", 'has a "$" inside'],
  ["a$b", 'has a "$" that is not at its end'],
  ["(a", "has a group without an end"],
  ["a)", 'has a ")" without a group'],
  ["[a", "has a class without an end"],
  ["[z-a]", "has a range that is none"],
  ["[]", "has no character that can be written"],
  ["[α-ω]|[^é]", "characters beyond ASCII: use all of them"],
  ["*a", 'has a "*" in the wrong place'],
  ["a**", "repeats a repetition"],
  ["a{2,1}", "repeats at least more often"],
  ["a{5000}", "repeats more than 1000 times"],
  ["a{x}", 'has a "{" that counts nothing'],
  ["(a?)*", "repeats without end what may be empty"],
  ["(".repeat(40), "has more than 32 groups"],
  ["a{1000}".repeat(40), "too large"],
];

Deno.test("Grammar.regex() names what it cannot keep, and where", () => {
  for (const [expression, words] of REFUSED) {
    const error = assertThrows(() => Grammar.regex(expression), expression);
    assert(error instanceof TypeError || error instanceof RangeError);
    assertStringIncludes(error.message, words);
  }
});

Deno.test("Grammar.ebnf() takes rules, but no classes beyond ASCII", async () => {
  const has = await textsOf(Grammar.ebnf('root ::= "ä" | [a-c]+ # "[é]"\n'));
  assertEquals(["ä", "abc", "ab", "é", ""].map(has), [true, true, true, false, false]);
  for (const rules of ["root ::= [é]", 'root ::= "[a]"\n  | [^\\u00e9]', "x".repeat(99_999)]) {
    assertThrows(() => Grammar.ebnf(rules), TypeError, "The grammar");
  }
});
