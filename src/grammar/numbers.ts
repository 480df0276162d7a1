/**
 * Expressions of numbers within bounds.
 *
 * @module
 */
import { multiples } from "./multiples.ts";
import { oneOf, type Rules } from "./rules.ts";

/** Digits before and after the point of a number without bounds: a double holds as many. */
const MOST_DIGITS = 15;
const MOST_SCALE = 10;
/** Digits that an exclusive bound adds, so that there are numbers next to it. */
const EXCLUSIVE_DIGITS = 2;
/** Largest bound, so that numbers within bounds have no more digits than others. */
const LARGEST = 10 ** MOST_DIGITS - 1;

/** Of two parts, so that the matcher keeps it a rule of its own and compiles it once. */
const DIGIT = "[0-4] | [5-9]";

/** What a schema says of a number. */
export interface NumberBounds {
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly exclusiveMaximum?: number | undefined;
  /** Whole numbers only. */
  readonly multipleOf?: number | undefined;
}

/** Numbers from `low` to `high`, in units of 10^-scale. */
interface Range {
  readonly low: bigint;
  readonly high: bigint;
  readonly scale: number;
}

/** The expression of whole numbers. Throws a `RangeError` when there are none. */
export function integer(rules: Rules, bounds: NumberBounds): string {
  if (isOpen(bounds)) return `("0" | "-"? ${anyDigits(rules)})`;
  const { multipleOf } = bounds;
  if (multipleOf !== undefined) return multiples(rules, multipleOf, ...wholeBounds(bounds));
  const [low, high] = wholeBounds(bounds);
  const least = Math.max(low, -LARGEST);
  const most = Math.min(high, LARGEST);
  if (least > most) throw new RangeError(noNumber("whole number"));
  return oneOf(signed({ low: BigInt(least), high: BigInt(most), scale: 0 }));
}

/** The least and the greatest whole number within bounds, as far as there are bounds. */
function wholeBounds(bounds: NumberBounds): [low: number, high: number] {
  const above = Math.floor(bounds.exclusiveMinimum ?? -Infinity) + 1;
  const below = Math.ceil(bounds.exclusiveMaximum ?? Infinity) - 1;
  return [
    Math.max(Math.ceil(bounds.minimum ?? -Infinity), above),
    Math.min(Math.floor(bounds.maximum ?? Infinity), below),
  ];
}

/** The expression of numbers, which have no exponent. Throws a `RangeError` when there are none. */
export function number(rules: Rules, given: NumberBounds): string {
  if (given.multipleOf !== undefined) return integer(rules, given);
  const bounds = reachable(given);
  if (isOpen(bounds)) {
    const fraction = rules.repeated(DIGIT, 1, MOST_DIGITS);
    return rules.add(`"-"? ("0" | ${anyDigits(rules)}) ("." ${fraction})?`);
  }
  const range = rangeOf(bounds);
  if (range.low > range.high) throw new RangeError(noNumber("number"));
  // With more digits than the bounds have, the last of these may count as its lower end only.
  const point = range.scale === 0 ? '"." ' : "";
  const more = `${point}${rules.repeated(DIGIT, 1, MOST_DIGITS - range.scale)}`;
  const longer = signed(range, 1n).map((digits) => `${digits} ${more}`);
  return oneOf([...signed(range), ...longer]);
}

function noNumber(kind: string): string {
  return `no ${kind} of at most ${MOST_DIGITS} digits lies between its bounds`;
}

/** Digits of which the first is not 0. */
function anyDigits(rules: Rules): string {
  return `[1-9] ${rules.repeated(DIGIT, 0, MOST_DIGITS - 1)}`;
}

/** Bounds without those that no number of so few digits comes to. */
function reachable(bounds: NumberBounds): NumberBounds {
  const beyond = 10 ** MOST_DIGITS;
  const isReached = ([name, bound = 0]: [string, number?]) =>
    /min/i.test(name) ? bound >= -beyond : bound <= beyond;
  return Object.fromEntries(Object.entries(bounds).filter(isReached));
}

function isOpen(bounds: NumberBounds): boolean {
  return Object.values(bounds).every((bound) => bound === undefined);
}

function rangeOf(bounds: NumberBounds): Range {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = bounds;
  const isExclusive = exclusiveMinimum !== undefined || exclusiveMaximum !== undefined;
  const given = Object.values(bounds).filter((bound) => bound !== undefined);
  const scale = Math.max(...given.map(decimals)) + (isExclusive ? EXCLUSIVE_DIGITS : 0);
  const unit = (value: number | undefined, otherwise: number) => scaled(value ?? otherwise, scale);
  const lows = [unit(minimum, -LARGEST)];
  const highs = [unit(maximum, LARGEST)];
  if (exclusiveMinimum !== undefined) lows.push(unit(exclusiveMinimum, 0) + 1n);
  if (exclusiveMaximum !== undefined) highs.push(unit(exclusiveMaximum, 0) - 1n);
  return {
    low: lows.reduce((a, b) => a > b ? a : b),
    high: highs.reduce((a, b) => a < b ? a : b),
    scale,
  };
}

/** Digits after the point of a bound. */
function decimals(bound: number): number {
  const digits = /^-?\d+(?:\.(\d+))?$/.exec(String(bound));
  const count = digits?.[1]?.length ?? 0;
  if (digits && count <= MOST_SCALE && Math.abs(bound) <= LARGEST) return count;
  throw new RangeError(`the bound ${bound} has too many digits`);
}

function scaled(value: number, scale: number): bigint {
  const [whole = "", fraction = ""] = String(value).split(".");
  return BigInt(whole + fraction.padEnd(scale, "0"));
}

/** Expressions of all numbers of a range whose distance from its outer ends is `margin` or more. */
function signed({ low, high, scale }: Range, margin = 0n): string[] {
  const positive = digits(low > 0n ? low : 0n, high - margin, scale);
  const negative = digits(high < 0n ? -high : margin === 0n ? 1n : 0n, -low - margin, scale);
  return [...positive, ...negative.map((expression) => `"-" ${expression}`)];
}

/** Expressions of the numbers from `low`, at least 0, to `high`. */
function digits(low: bigint, high: bigint, scale: number): string[] {
  const expressions: string[] = [];
  for (let length = scale + 1; low <= high; length++) {
    const most = 10n ** BigInt(length) - 1n;
    const end = high < most ? high : most;
    if (low > end) continue;
    const pad = (value: bigint) => value.toString().padStart(length, "0");
    expressions.push(...sameLength(pad(low), pad(end)).map((all) => withPoint(all, scale)));
    low = end + 1n;
  }
  return expressions;
}

/** Classes of digits, one list for each part of the numbers from `low` to `high`. */
function sameLength(low: string, high: string): string[][] {
  if (low === "") return [[]];
  const [first, last] = [Number(low[0]), Number(high[0])];
  const length = low.length - 1;
  const any = Array.from({ length }, () => "[0-9]");
  const [lows, highs] = [low.slice(1), high.slice(1)];
  const [least, most] = ["0".repeat(length), "9".repeat(length)];
  const under = (digit: number, rest: string[][]) => rest.map((all) => [`[${digit}]`, ...all]);
  if (first === last) return under(first, sameLength(lows, highs));
  const isWholeLow = lows === least;
  const isWholeHigh = highs === most;
  const from = isWholeLow ? first : first + 1;
  const to = isWholeHigh ? last : last - 1;
  return [
    ...(isWholeLow ? [] : under(first, sameLength(lows, most))),
    ...(from <= to ? [[`[${from}-${to}]`, ...any]] : []),
    ...(isWholeHigh ? [] : under(last, sameLength(least, highs))),
  ];
}

function withPoint(all: readonly string[], scale: number): string {
  if (scale === 0) return all.join(" ");
  return [...all.slice(0, -scale), '"."', ...all.slice(-scale)].join(" ");
}
