/**
 * What has to hold bit for bit, whatever the results are.
 *
 * @module
 */
import { type Ops, PAGE_TOKENS } from "../../src/ops.ts";
import { OPERANDS, type OperatorCase } from "../cases/case.ts";
import { bitsOf, type Elements, inputsOf, type Named, resultsOf, run } from "../run_case.ts";
import { type Part, runParts, segmentsOf, tokensOf } from "../split_case.ts";

/**
 * Tokens alone give what they give in their batch. A chunked recurrence is another order of its
 * sums, a state of bf16 is rounded once a call, and the scores of pages are those of a segment.
 */
export function checkTokens(ops: Ops, test: OperatorCase): void {
  const { operator, operands, scalars } = test;
  const dependsOnCalls = operator === "pageScores" || operator === "gatedDelta" &&
      (scalars[0] !== 0 || operands["state"]!.type === "bf16");
  if (!dependsOnCalls) checkParts(ops, test, tokensOf);
}

/** Segments alone give what they give in their batch. */
export function checkSegments(ops: Ops, test: OperatorCase): void {
  checkParts(ops, test, segmentsOf);
}

function checkParts(
  ops: Ops,
  test: OperatorCase,
  partsOf: (test: OperatorCase, inputs: Named<Elements>) => Part[],
): void {
  if (Object.keys(test.alias).length) return; // a part that has run would be the input of the next
  const inputs = inputsOf(test);
  const parts = partsOf(test, inputs);
  if (parts.length < 2) return;
  const whole = run(ops, test, inputs, "strided");
  expectSameBits(test, whole, runParts(ops, test, inputs, parts));
}

/**
 * With a window, a token's result does not depend on whether pages are listed that only earlier
 * tokens see.
 */
export function checkWindow(ops: Ops, test: OperatorCase): void {
  const [, window = 0] = test.scalars;
  if (test.operator !== "attention" || window === 0 || Object.keys(test.alias).length) return;
  const inputs = inputsOf(test);
  const whole = run(ops, test, inputs, "strided");
  const { columns } = test.operands["pages"]!;
  for (const part of tokensOf(test, inputs)) {
    const lowest = inputs.get("positions")![part.start]! - window + 1;
    const pages = inputs.get("pages")!.map((page, index) => {
      const isOwn = Math.floor(index / columns) === part.segment;
      return isOwn && inputs.get("starts")![index]! + PAGE_TOKENS <= lowest ? -1 : page;
    });
    const alone = runParts(ops, test, new Map([...inputs, ["pages", pages]]), [part]);
    expectSameBits(test, rowOf(test, whole, part.start), rowOf(test, alone, part.start));
  }
}

function rowOf(test: OperatorCase, results: Named<Elements>, row: number): Named<Elements> {
  const { columns } = test.operands["out"]!;
  return new Map([["out", results.get("out")!.subarray(row * columns, (row + 1) * columns)]]);
}

/** The number of threads and the layout of the operands change nothing. */
export function checkThreads(one: Ops, several: Ops, test: OperatorCase): void {
  const inputs = inputsOf(test);
  const expected = run(one, test, inputs, "dense");
  expectSameBits(test, expected, run(several, test, inputs, "dense"));
  expectSameBits(test, expected, run(several, test, inputs, "strided"));
  expectSameBits(test, expected, run(several, test, inputs, "aligned"));
}

/** Packed weights give the same bits on every instruction set. */
export function checkInstructionSets(all: readonly Ops[], test: OperatorCase): void {
  const inputs = inputsOf(test);
  const [expected, ...others] = all.map((ops) => run(ops, test, inputs, "dense"));
  for (const results of others) expectSameBits(test, expected!, results);
}

/** A batch of no tokens, and a segment of none, change nothing. */
export function checkEmpty(ops: Ops, test: OperatorCase): void {
  const inputs = inputsOf(test);
  const results = runParts(ops, test, inputs, [{ start: 0, count: 0, segment: 0 }]);
  expectSameBits(test, inputs, results);
}

/**
 * For each operator its first case without aliases, to run without tokens. Not for page_scores: it
 * has scores to write for a segment without tokens, and cases for that.
 */
export function plainCases(cases: readonly OperatorCase[]): OperatorCase[] {
  return Object.keys(OPERANDS).filter((operator) => operator !== "pageScores").map((operator) =>
    cases.find((test) => test.operator === operator && !Object.keys(test.alias).length)!
  );
}

function expectSameBits(
  test: OperatorCase,
  expected: Named<Elements>,
  results: Named<Elements>,
): void {
  for (const [name, { columns }] of resultsOf(test)) {
    const [wanted, have] = [bitsOf(expected.get(name)!), bitsOf(results.get(name)!)];
    const place = wanted.findIndex((word, index) => word !== have[index]);
    if (place < 0) continue;
    const where = `${name}[${Math.floor(place / columns)}, ${place % columns}]`;
    const [first, second] = [expected.get(name)![place], results.get(name)![place]];
    throw new Error(`${where} is ${second} in one call and ${first} in another`);
  }
}
