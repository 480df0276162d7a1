/**
 * When the tokens of a generation come.
 *
 * @module
 */
import type { Session } from "./session.ts";

/** Tokens that are read within this time of each other have come together. */
const TOGETHER_MS = 1;

/** When each of a number of tokens came. */
export async function tokenTimes(session: Session, count: number): Promise<number[]> {
  const times: number[] = [];
  const options = { maxTokens: count, temperature: 0, ignoreEos: true, lookahead: 16 };
  for await (const _ of session.generate(options)) times.push(performance.now());
  return times;
}

/**
 * How long each token took. Tokens of short passes come several at a time: those share the time
 * that passed since the ones before them.
 */
export function tokenGaps(times: readonly number[], start: number): number[] {
  const gaps: number[] = [];
  let before = start;
  for (let from = 0; from < times.length;) {
    const next = times.findIndex((time, i) => i > from && time - times[i - 1]! > TOGETHER_MS);
    const to = next === -1 ? times.length : next;
    const came = times[to - 1]!;
    gaps.push(...Array(to - from).fill((came - before) / (to - from)));
    before = came;
    from = to;
  }
  return gaps;
}
