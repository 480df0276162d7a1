/**
 * Makes the GPU of the library that is named fail in several ways, and prints what it says of each:
 * a program of its own, because what stands in is found when a process starts.
 *
 * @module
 */
import { Device } from "../../ffi/device.ts";
import { NativeOps } from "../../ffi/ops.ts";
import { OutOfMemoryError } from "../../src/weight_memory.ts";

/** Columns of 8 rows that no other tensor shares memory with. */
const ALONE = 2 ** 20;

/** What a call that must fail says, and whether it says that memory has run out. */
function saidBy(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (!(error instanceof Error)) return String(error);
    return error instanceof OutOfMemoryError ? `full: ${error.message}` : error.message;
  }
  return "nothing";
}

function outOfMemory(ops: NativeOps): string {
  return saidBy(() => ops.tensor("f32", 1024, 1024 * 1024));
}

function outOfScratch(ops: NativeOps): string {
  const rows = 16384;
  using positions = ops.tensor("i32", 1, rows);
  using segments = ops.tensor("i32", 1, 2);
  using pages = ops.tensor("i32", 1, 4096);
  using starts = ops.tensor("i32", 1, 4096);
  using q = ops.tensor("f32", rows, 256);
  using scores = ops.tensor("f32", 1, 4096);
  using bounds = ops.tensor("f32", 1, 32);
  ops.write(segments, Int32Array.of(0, rows));
  ops.write(positions, Int32Array.from({ length: rows }, (_, row) => row));
  ops.write(starts, Int32Array.from({ length: 4096 }, (_, page) => page * 16));
  return saidBy(() =>
    ops.pageScores(scores, q, bounds, positions, segments, pages, starts, pages, 16, 1e6)
  );
}

function tooGreatGrid(ops: NativeOps): string {
  using x = ops.tensor("f32", 1, 65536);
  using weight = ops.tensor("f32", 1, 1);
  return saidBy(() => ops.rmsNorm(x, x, weight, 1));
}

/** An index that only the GPU knows, and that is in no row: it fails when it is waited for. */
function wrongIndex(ops: NativeOps): string {
  using x = ops.tensor("f32", 1, 9);
  using tokens = ops.tensor("i32", 1, 1);
  using rows = ops.tensor("f32", 8, ALONE);
  using table = rows.columnView(0, 2);
  using out = ops.tensor("f32", 1, 2);
  ops.write(x, Float32Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1));
  ops.argmax(tokens, x);
  ops.embedding(out, table, tokens);
  return saidBy(() => ops.read(out, new Float32Array(2)));
}

/** As wrongIndex, where the kernels were recorded when the index was right. */
function wrongIndexReplayed(ops: NativeOps): string {
  using x = ops.tensor("f32", 1, 9);
  using tokens = ops.tensor("i32", 1, 1);
  using rows = ops.tensor("f32", 8, ALONE);
  using table = rows.columnView(0, 2);
  using out = ops.tensor("f32", 1, 2);
  const pass = () => {
    ops.argmax(tokens, x);
    ops.embedding(out, table, tokens);
  };
  pass(); // scratch memory is not made while a device records
  using recording = ops.record(pass);
  recording.replay();
  ops.read(out, new Float32Array(2));
  ops.write(x, Float32Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1));
  recording.replay();
  return saidBy(() => ops.read(out, new Float32Array(2)));
}

if (import.meta.main) {
  const backend = Deno.args[0] === "metal" ? "metal" : "cuda";
  const opened = saidBy(() => Device.open({ backend })[Symbol.dispose]());
  console.log(`open: ${opened}`);
  if (opened === "nothing") {
    using device = Device.open({ backend });
    console.log(`described: ${device.instructionSet}`);
    console.log(`free: ${device.freeBytes}`);
  }
  // Each on a device of its own: a GPU does not get over a kernel that failed.
  const all = [outOfMemory, outOfScratch, tooGreatGrid, wrongIndex, wrongIndexReplayed];
  for (const fail of opened === "nothing" ? all : []) {
    using device = Device.open({ backend });
    console.log(`${fail.name}: ${fail(new NativeOps(device))}`);
  }
}
