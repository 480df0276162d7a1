/**
 * Expressions of the whole numbers that are multiples of one.
 *
 * @module
 */
import { literal, oneOf, type Rules } from "./rules.ts";

/** Multiples that lie between bounds, which are listed. */
const MOST_LISTED = 256;
/** The largest number, but for zeros at its end, whose multiples are found digit by digit. */
const MOST_DIVISOR = 50;
/** Digits of a multiple that lies between no bounds. */
const MOST_DIGITS = 9;

/**
 * The expression of multiples of `divisor` from `low` to `high`, or of all with a few digits where
 * no bounds are in the way. Throws a `RangeError` when there are none, or too many.
 */
export function multiples(rules: Rules, divisor: number, low: number, high: number): string {
  if (!Number.isSafeInteger(divisor) || divisor < 1) {
    throw new RangeError("only multiples of whole numbers from 1 can be kept");
  }
  let zeros = 0;
  while (divisor % 10 ** (zeros + 1) === 0) zeros++;
  const beyond = 10 ** (MOST_DIGITS + zeros);
  if (low <= -beyond && high >= beyond) return anyMultiple(rules, divisor, zeros);
  const first = Math.ceil(low / divisor);
  const count = Math.floor(high / divisor) - first + 1;
  if (count < 1) throw new RangeError("no multiple lies between its bounds");
  if (count > MOST_LISTED) {
    throw new RangeError(
      `more than ${MOST_LISTED} multiples between bounds are too many: bound both ends closer, ` +
        "or none",
    );
  }
  return oneOf(Array.from({ length: count }, (_, i) => literal(`${(first + i) * divisor || 0}`)));
}

function anyMultiple(rules: Rules, divisor: number, zeros: number): string {
  const rest = divisor / 10 ** zeros;
  if (rest > MOST_DIVISOR || zeros > MOST_DIGITS) {
    throw new RangeError(`without bounds, only multiples of 1 to ${MOST_DIVISOR} can be kept`);
  }
  const states = new Map<string, string>();
  /** What may follow digits with this remainder, where so many more may come. */
  const after = (remainder: number, left: number): string => {
    const key = `${remainder} ${left}`;
    const known = states.get(key);
    if (known !== undefined) return known;
    const state = rules.add(
      [...remainder === 0 ? ['""'] : [], ...next(remainder, left, 0)].join(" | "),
    );
    states.set(key, state);
    return state;
  };
  const next = (remainder: number, left: number, least: number): string[] => {
    if (left === 0) return [];
    const digits = Array.from({ length: 10 - least }, (_, i) => least + i);
    const byRemainder = Map.groupBy(digits, (digit) => (10 * remainder + digit) % rest);
    return [...byRemainder].filter(([remainder]) => canEnd(remainder, left - 1)).map((
      [remainder, digits],
    ) => `[${digits.join("")}] ${after(remainder, left - 1)}`);
  };
  /** Whether some digits make a multiple of what has this remainder. */
  const canEnd = (remainder: number, left: number): boolean =>
    Array.from({ length: left + 1 }, (_, count) => 10 ** count).some((power) =>
      (rest - remainder * power % rest) % rest < power
    );
  const end = zeros > 0 ? ` ${literal("0".repeat(zeros))}` : "";
  return `("0" | "-"? ${rules.add(next(0, MOST_DIGITS, 1).join(" | "))}${end})`;
}
