/**
 * What the programs here check with: they are run where tests' own libraries may not be at hand.
 *
 * @module
 */

/** Throws unless both are the same as JSON. */
export function expectSame(have: unknown, wanted: unknown): void {
  const [text, other] = [have, wanted].map((value) => JSON.stringify(value));
  if (text !== other) throw new Error(`it is ${text}, not ${other}`);
}

/** Throws unless a text matches. */
export function expectMatch(text: string, pattern: RegExp): void {
  if (!pattern.test(text)) throw new Error(`it is ${text}, which does not match ${pattern}`);
}
