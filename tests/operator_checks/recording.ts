/**
 * What has to hold when operators are recorded and replayed.
 *
 * @module
 */
import type { NativeOps } from "../../ffi/ops.ts";
import type { Tensor } from "../../src/ops.ts";
import type { OperatorCase } from "../cases/case.ts";
import {
  bitsOf,
  call,
  type Elements,
  FramedTensors,
  inputsOf,
  resultsOf,
  run,
} from "../run_case.ts";

/** A case gives the same bits when its call is replayed, and recording it changes nothing. */
export function checkReplay(ops: NativeOps, test: OperatorCase): void {
  if (Object.keys(test.alias).length > 0) return; // a part that has run would be the input
  const inputs = inputsOf(test);
  const expected = run(ops, test, inputs, "strided");
  using framed = new FramedTensors(ops, test, inputs, "strided");
  using recording = ops.record(() => call(ops, test, framed.tensors));
  for (const [name] of resultsOf(test)) {
    expectSame(`${name} while it is recorded`, framed.results().get(name)!, inputs.get(name)!);
  }
  recording.replay();
  for (const [name, elements] of framed.results()) {
    expectSame(name, elements, expected.get(name)!);
  }
}

function expectSame(what: string, have: Elements, wanted: Elements): void {
  const [words, other] = [bitsOf(have), bitsOf(wanted)];
  const place = words.findIndex((word, i) => word !== other[i]);
  if (place >= 0) {
    throw new Error(`${what}: element ${place} is ${have[place]}, not ${wanted[place]}`);
  }
}

/** Everything that recordings promise and refuse. */
export function checkRecording(ops: NativeOps): void {
  checkNewValues(ops);
  checkFreedMemory(ops);
  checkScratch(ops);
  checkRefusals(ops);
  checkFailedCall(ops);
}

/** A replay reads what operands and indices hold by then, and what the recorded calls wrote. */
function checkNewValues(ops: NativeOps): void {
  using table = vector(ops, [10, 20, 30, 40]);
  using x = table.rowView(0, 1);
  using rows = ops.tensor("i32", 1, 2);
  using matrix = ops.tensor("f32", 4, 1);
  using chosen = ops.tensor("f32", 2, 1);
  using sum = ops.tensor("f32", 1, 4);
  using recording = ops.record(() => {
    ops.gatherRows(chosen, matrix, rows);
    ops.add(sum, x, x);
    ops.add(sum, sum, x);
  });
  ops.write(matrix, Float32Array.of(1, 2, 3, 4));
  for (const [first, second] of [[3, 0], [1, 2]] as const) {
    ops.write(rows, Int32Array.of(first, second));
    recording.replay();
    expectValues(ops, chosen, [first + 1, second + 1]);
  }
  expectValues(ops, sum, [30, 60, 90, 120]);
}

/** A recording holds its memory when all else is freed, also while it is made. */
function checkFreedMemory(ops: NativeOps): void {
  using out = ops.tensor("f32", 1, 2);
  const x = vector(ops, [1, 2]);
  const y = vector(ops, [10, 20]);
  const unused = vector(ops, [0]);
  using recording = ops.record(() => {
    ops.add(out, x, y);
    x[Symbol.dispose]();
    unused[Symbol.dispose]();
  });
  y[Symbol.dispose]();
  using other = vector(ops, [5, 6]); // in memory that would be free
  recording.replay();
  expectValues(ops, out, [11, 22]);
  expectValues(ops, other, [5, 6]);
}

/** Scratch that grows after it was recorded leaves the recording what it has. */
function checkScratch(ops: NativeOps): void {
  const product = (rows: number) => {
    const x = ops.tensor("f32", rows, 64);
    const weight = ops.packed("q8", 16, 64, 32);
    const out = ops.tensor("f32", rows, 16);
    ops.write(x, new Float32Array(rows * 64).fill(1));
    ops.write(weight, new Float32Array(16 * 64).fill(127));
    return { out, run: () => ops.linear(out, x, weight), all: [x, weight, out] };
  };
  using stack = new DisposableStack();
  const [small, large] = [product(1), product(60_000)];
  for (const tensor of [...small.all, ...large.all]) stack.use(tensor);
  small.run();
  using recording = ops.record(small.run);
  expectError(() => ops.record(large.run), "which is not made while a device is recording");
  large.run();
  ops.zero(small.out);
  recording.replay();
  expectValues(ops, small.out, Array(16).fill(64 * 127));
}

/** While a device records it takes operators alone. */
function checkRefusals(ops: NativeOps): void {
  using x = vector(ops, [1, -1]);
  using y = ops.tensor("f32", 1, 2);
  using silu = ops.record(() => ops.silu(y, x));
  const refused = [
    () => ops.read(x, new Float32Array(2)),
    () => ops.write(x, new Float32Array(2)),
    () => ops.zero(x),
    () => ops.tensor("f32", 1, 1),
    () => ops.record(() => {}),
    () => silu.replay(),
    () => silu[Symbol.dispose](),
  ];
  const said: unknown[] = [];
  using recording = ops.record(() => {
    for (const call of refused) said.push(messageOf(call));
    ops.add(y, x, x);
  });
  for (const text of said) {
    if (/is recording, which takes operators alone; call ct_record_end/.test(`${text}`)) continue;
    throw new Error(`a call while the device records says ${text}`);
  }
  recording.replay();
  expectValues(ops, y, [2, -2]);
}

/** Of calls of which one fails nothing is left, and the device records again. */
function checkFailedCall(ops: NativeOps): void {
  using x = vector(ops, [1]);
  using wide = vector(ops, [1, 2]);
  expectError(() => ops.record(() => ops.add(x, x, wide)), "ct_add");
  const caught = () => ops.record(() => void messageOf(() => ops.add(x, x, wide)));
  expectError(caught, "a call failed while it was recorded");
  using recording = ops.record(() => ops.add(x, x, x));
  recording.replay();
  recording.replay();
  expectValues(ops, x, [4]);
}

function vector(ops: NativeOps, values: readonly number[]): Tensor {
  const tensor = ops.tensor("f32", 1, values.length);
  ops.write(tensor, Float32Array.from(values));
  return tensor;
}

function expectValues(ops: NativeOps, tensor: Tensor, wanted: readonly number[]): void {
  const have = new Float32Array(wanted.length);
  ops.read(tensor, have);
  expectSame("a replay", have, Float32Array.from(wanted));
}

function expectError(call: () => unknown, part: string): void {
  const said = messageOf(call);
  if (!said?.includes(part)) throw new Error(`a call says ${said} where it should say ${part}`);
}

/** What a call that fails says. */
function messageOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return undefined;
}
