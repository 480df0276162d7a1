/**
 * Wrong calls: each has to fail with an error that names operator and operand, and to change
 * nothing.
 *
 * @module
 */
import type { ElementType, Ops } from "../../src/ops.ts";
import {
  type Operand,
  OPERANDS,
  type OperatorCase,
  type OperatorName,
  snakeCase,
} from "../cases/case.ts";
import { constant, list, table } from "../cases/random.ts";
import { bitsOf, call, FramedTensors, inputsOf } from "../run_case.ts";
import { validCall } from "./valid_calls.ts";

/** A call that an operator has to refuse. */
export interface WrongCall {
  readonly name: string;
  readonly test: OperatorCase;
  /** What the error has to name besides the operator. */
  readonly culprit: string;
  /** An operand that is written and one that shares a part of its memory. */
  readonly overlap?: readonly [string, string];
}

/** All wrong calls. */
export function wrongCalls(): WrongCall[] {
  const operators = Object.keys(OPERANDS) as OperatorName[];
  return [
    ...operators.flatMap(wrongShapes),
    ...wrongRows(),
    ...wrongPackings(),
    ...wrongSegments(),
    ...wrongPages(),
    ...wrongScalars(),
    ...operators.flatMap(overlaps),
  ];
}

/** Throws unless the call fails as it should. */
export function checkError(ops: Ops, { test, culprit, overlap }: WrongCall): void {
  const inputs = inputsOf(test);
  using framed = new FramedTensors(ops, test, inputs, "strided");
  const tensors = new Map(framed.tensors);
  using stack = new DisposableStack();
  if (overlap) {
    const [{ type, columns, rows }, other] = overlap.map((name) => test.operands[name]!) as [
      Operand,
      Operand,
    ];
    const wide = type as ElementType; // what is written is never packed
    const both = stack.use(ops.tensor(wide, Math.max(rows, other.rows), columns + 1));
    const rowsOf = (count: number) => stack.use(both.rowView(0, count));
    tensors.set(overlap[0], stack.use(rowsOf(rows).columnView(0, columns)));
    tensors.set(overlap[1], stack.use(rowsOf(other.rows).columnView(1, columns)));
    ops.write(tensors.get(overlap[1])!, inputs.get(overlap[1])!);
  }
  expectError(() => call(ops, test, tensors), snakeCase(test.operator), culprit);
  for (const [name, result] of framed.results()) {
    const before = bitsOf(inputs.get(name)!);
    if (bitsOf(result).every((word, index) => word === before[index])) continue;
    throw new Error(`${name} has changed`);
  }
}

function expectError(action: () => void, operator: string, culprit: string): void {
  try {
    action();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (text.includes(operator) && new RegExp(`\\b${culprit}\\b`).test(text)) return;
    throw new Error(`the error does not name ${operator} and ${culprit}: ${text}`);
  }
  throw new Error(`no error names ${operator} and ${culprit}`);
}

// Operands of which another size makes no call wrong.
const ANY_ROWS = [
  "embedding table",
  "dynamicConvolution state",
  "gatedDelta state",
  "gatherRows x",
  "scatterRows out",
  "pageScores bounds",
];
const ANY_COLUMNS = [
  "argmax x",
  "topK x",
  "logSumExp x",
];

/** Each operand of a wrong type, and with a row or column too many or too few. */
function wrongShapes(operator: OperatorName): WrongCall[] {
  return OPERANDS[operator].flatMap((name) => {
    const { type, rows, columns } = validCall(operator).operands[name]!;
    const other: ElementType = type === "i32" ? "f32" : "i32";
    const calls = [wrong(operator, name, `is ${other}`, { type: other, fill: constant(1) })];
    for (const [step, amount] of [[1, "too many"], [-1, "too few"]] as const) {
      if (!ANY_ROWS.includes(`${operator} ${name}`)) {
        const change = { rows: rows + step, fill: constant(0) };
        calls.push(wrong(operator, name, `has a row ${amount}`, change));
      }
      if (!ANY_COLUMNS.includes(`${operator} ${name}`)) {
        const change = { columns: columns + step, fill: constant(0) };
        calls.push(wrong(operator, name, `has a column ${amount}`, change));
      }
    }
    return calls;
  });
}

/** A call that is right but for one operand. */
function wrong(
  operator: OperatorName,
  name: string,
  what: string,
  change: Partial<Operand>,
): WrongCall {
  const test = validCall(operator);
  const operands = { ...test.operands, [name]: { ...test.operands[name]!, ...change } };
  const culprit = snakeCase(name);
  return {
    name: `${operator}() refuses a call when ${culprit} ${what}`,
    test: { ...test, operands },
    culprit,
  };
}

/** A call whose row of indices is wrong. */
function wrongRow(operator: OperatorName, name: string, ...values: readonly number[]): WrongCall {
  const change = { columns: values.length, fill: list(...values) };
  return wrong(operator, name, `is ${values}`, change);
}

function wrongRows(): WrongCall[] {
  return [
    wrongRow("embedding", "tokens", -1, 0),
    wrongRow("embedding", "tokens", 0, 5),
    wrongRow("gatherRows", "rows", 0, -1),
    wrongRow("gatherRows", "rows", 5, 0),
    wrongRow("scatterRows", "rows", 0, -1),
    wrongRow("scatterRows", "rows", 5, 0),
    wrongRow("scatterRows", "rows", 3, 3),
    wrongRow("rotary", "positions", 4, -1),
    wrong("topK", "x", "is narrower than values", { columns: 5 }),
  ];
}

/** Packed weights where none can be, and some of the wrong width. */
function wrongPackings(): WrongCall[] {
  const packed = { type: "q8", group: 64, columns: 64, fill: constant(1) } as const;
  return [
    wrong("linear", "weight", "is q8 of another width", packed),
    wrong("linear", "x", "is q8", packed),
    wrong("embedding", "table", "is q8 of another width", packed),
    wrong("rmsNorm", "weight", "is q8", packed),
    wrong("cacheAppend", "keys", "is q8", { ...packed, role: "input" }),
  ];
}

function wrongSegments(): WrongCall[] {
  const recurrent = ["dynamicConvolution", "gatedDelta"] as const;
  return [
    ...([...recurrent, "attention", "pageScores"] as const).flatMap((operator) => [
      wrongRow(operator, "segments", 1, 2, 4),
      wrongRow(operator, "segments", 0, 3, 2),
      wrongRow(operator, "segments", 0, 1, 3),
      wrongRow(operator, "segments", 0, 2, 5),
      wrongRow(operator, "segments", 0, -1, 4),
    ]),
    ...recurrent.flatMap((operator) => [
      wrongRow(operator, "slots", 0, -1),
      wrongRow(operator, "slots", 3, 0),
      wrongRow(operator, "slots", 2, 2),
      wrongRow(operator, "slots", 2),
    ]),
  ];
}

function wrongPages(): WrongCall[] {
  const wrongTable = (operator: OperatorName, name: string, ...rows: readonly number[][]) =>
    wrong(operator, name, `is ${rows.join(" and ")}`, { fill: table(rows) });
  return [
    wrongRow("cacheAppend", "rows", 63, -1, 1, 16),
    wrongRow("cacheAppend", "rows", 63, 64, 1, 16),
    wrongRow("cacheAppend", "rows", 63, 0, 63, 16),
    wrong("cacheAppend", "values", "is bf16 and keys is f32", { type: "bf16" }),
    wrong("attention", "values", "is bf16 and keys is f32", { type: "bf16" }),
    ...(["pageScores", "attention"] as const).flatMap((operator) => [
      wrongRow(operator, "positions", -1, 0, 5, 6),
      wrongRow(operator, "positions", 15, 17, 5, 6),
      wrongRow(operator, "positions", 15, 16, 6, 5),
      wrongTable(operator, "pages", [3, -2], [-1, 2]),
      wrongTable(operator, "pages", [3, 0], [-1, 4]),
      wrongTable(operator, "starts", [-1, 16], [7, 3]),
      wrongTable(operator, "starts", [16, 15], [7, 3]),
      wrongTable(operator, "starts", [16, 16], [7, 3]),
      wrongTable(operator, "shifts", [5, -1], [7, 2]),
    ]),
    wrongRow("attention", "positions", 31, 32, 5, 6), // a token behind the last page
    wrongRow("attention", "positions", 15, 16, 2, 3), // a token before the first page
    wrongTable("attention", "positions", [40, 41, 5, 6]), // no token in a page
    wrongTable("selectPages", "pages", [3, -1, 0, 7], [1, -2, 5, 6]),
    wrongTable("selectPages", "starts", [0, 9, 16, 32], [0, 3, 3, 40]),
    wrongTable("selectPages", "shifts", [5, 9, 1, -1], [0, 0, 0, 0]),
    ...["chosenPages", "chosenStarts", "chosenShifts"].map((name) =>
      wrong("selectPages", name, "has no columns", { columns: 0 })
    ),
  ];
}

function wrongScalars(): WrongCall[] {
  const scalar = (operator: OperatorName, culprit: string, ...scalars: readonly number[]) => ({
    name: `${operator}() refuses a call when its ${culprit} is wrong in ${scalars}`,
    test: { ...validCall(operator), scalars },
    culprit,
  });
  return [
    scalar("rmsNorm", "epsilon", -1),
    scalar("rmsNorm", "epsilon", NaN),
    scalar("gatedNorm", "epsilon", -1),
    scalar("rotary", "head_size", 0, 1e4),
    scalar("rotary", "head_size", 3, 1e4),
    scalar("rotary", "head_size", 8, 1e4),
    scalar("rotary", "theta", 6, 0),
    scalar("rotary", "theta", 6, -10),
    scalar("rotary", "theta", 6, NaN),
    scalar("rotary", "theta", 6, Infinity),
    scalar("gatedDelta", "chunk", 129),
    scalar("attention", "head_size", 0, 0, 1e4),
    scalar("attention", "head_size", 5, 0, 1e4),
    scalar("attention", "head_size", 6, 0, 1e4),
    scalar("attention", "keys", 32, 0, 1e4), // one query head, half a kv head
    scalar("attention", "theta", 8, 0, 0),
    scalar("attention", "theta", 8, 0, NaN),
    scalar("pageScores", "head_size", 0, 1e4),
    scalar("pageScores", "head_size", 1, 1e4),
    scalar("pageScores", "head_size", 6, 1e4),
    scalar("pageScores", "bounds", 32, 1e4), // one query head, half a kv head
    scalar("pageScores", "theta", 8, Infinity),
    scalar("selectPages", "recent", 4),
    scalar("selectPages", "recent", 2 ** 32 - 1),
  ];
}

/**
 * Each operand that is written against each other one of its type and width, unless they may be the
 * same.
 */
function overlaps(operator: OperatorName): WrongCall[] {
  const test = validCall(operator);
  const all = Object.entries(test.operands);
  const written = all.filter(([, { role }]) => role !== "input");
  return written.flatMap(([name, { type, columns }]) =>
    all.filter(([other, operand]) =>
      other !== name && operand.type === type && operand.columns === columns
    ).map(([other]) => ({
      name: `${operator}() refuses a call when ${snakeCase(other)} shares a part of ${name}`,
      test,
      culprit: snakeCase(other),
      overlap: [name, other] as const,
    }))
  );
}
