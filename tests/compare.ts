/**
 * Compares the results of a case with the reference's.
 *
 * @module
 */
import { boundOf, isExact } from "./cases.ts";
import type { Bound, OperatorCase } from "./cases/case.ts";
import { fromBf16, toBf16 } from "./reference/numbers.ts";
import { bitsOf, type Elements, type Named, resultsOf } from "./run_case.ts";

/**
 * Compares all outputs and states of a case, and returns the greatest errors. Throws where one is
 * too great.
 */
export function compare(
  test: OperatorCase,
  inputs: Named<Elements>,
  expected: Named<Float64Array>,
  results: Named<Elements>,
): Bound {
  let [nmse, worst] = [0, 0];
  for (const [name, { role, columns }] of resultsOf(test)) {
    const result = results.get(name)!;
    const wanted = expected.get(name)!;
    const before = role === "state" ? inputs.get(name)! : undefined;
    if (before) expectSameRows(name, columns, before, wanted, result);
    if (isExact(test)) {
      expectExact(name, columns, wanted, result);
      continue;
    }
    const errors = errorsOf(name, columns, wanted, result);
    expectWithin(boundOf(test, name), errors, name);
    nmse = Math.max(nmse, errors.nmse);
    worst = Math.max(worst, errors.worst);
  }
  return { nmse, worst };
}

/** Throws where the errors of an operand are too great. */
export function expectWithin(bound: Bound, { nmse, worst }: Bound, name: string): void {
  if (nmse <= bound.nmse && worst <= bound.worst) return;
  const have = `NMSE ${nmse.toExponential(1)}, worst ${worst.toExponential(1)}`;
  throw new Error(
    `errors of ${name} are ${have}; at most ${bound.nmse} and ${bound.worst} are allowed`,
  );
}

/** Errors of float results. Infinities and NaN have to be the reference's. */
export function errorsOf(
  name: string,
  columns: number,
  wanted: Float64Array,
  result: Elements,
): Bound {
  const numbers = result instanceof Uint16Array ? fromBf16(result) : result;
  let [error, power, greatest, count] = [0, 0, 0, 0];
  for (const [index, reference] of wanted.entries()) {
    const value = numbers[index]!;
    if (!Number.isFinite(Math.fround(reference)) || !Number.isFinite(value)) {
      if (!Object.is(value, Math.fround(reference))) {
        throw differs(name, columns, index, value, reference);
      }
      continue;
    }
    const difference = Math.abs(value - reference);
    error += difference * difference;
    power += reference * reference;
    greatest = Math.max(greatest, difference);
    count++;
  }
  if (greatest === 0) return { nmse: 0, worst: 0 };
  return { nmse: error / power, worst: greatest / Math.sqrt(power / count) };
}

function expectExact(
  name: string,
  columns: number,
  wanted: Float64Array,
  result: Elements,
): void {
  const numbers = result instanceof Uint16Array ? fromBf16(result) : result;
  const rounded = result instanceof Uint16Array ? fromBf16(toBf16(wanted)) : wanted;
  for (const [index, reference] of rounded.entries()) {
    const value = numbers[index]!;
    const isSame = result instanceof Int32Array ? value === reference : Object.is(value, reference);
    if (!isSame) throw differs(name, columns, index, value, reference);
  }
}

/** Rows that the reference left alone have to keep their bits. */
function expectSameRows(
  name: string,
  columns: number,
  before: Elements,
  wanted: Float64Array,
  result: Elements,
): void {
  const numbers = before instanceof Uint16Array ? fromBf16(before) : before;
  const [oldBits, newBits] = [bitsOf(before), bitsOf(result)];
  for (let start = 0; start < wanted.length; start += columns) {
    const row = wanted.subarray(start, start + columns);
    if (!row.every((value, i) => Object.is(value, numbers[start + i]!))) continue;
    const changed = row.findIndex((_, i) => oldBits[start + i] !== newBits[start + i]);
    if (changed >= 0) {
      throw new Error(`${name} row ${start / columns} changed; it belongs to no token`);
    }
  }
}

function differs(
  name: string,
  columns: number,
  index: number,
  value: number,
  wanted: number,
): Error {
  const place = `[${Math.floor(index / columns)}, ${index % columns}]`;
  return new Error(`${name}${place} is ${value}; the reference has ${wanted}`);
}
