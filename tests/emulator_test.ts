/**
 * The kernels of GPUs on the emulator: every check of the operator table.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Buffer } from "../ffi/buffer.ts";
import { Device } from "../ffi/device.ts";
import { NativeFile } from "../ffi/file.ts";
import { NativeOps } from "../ffi/ops.ts";
import { NativeTensor } from "../ffi/tensor.ts";
import { PAGE_TOKENS } from "../src/ops.ts";
import { Random } from "./cases/random.ts";
import { Targets } from "./native.ts";
import { testOperators } from "./operator_checks/register.ts";
import { toBf16 } from "./reference/numbers.ts";

testOperators({ library: "emulator", on: "the emulator" });

Deno.test("scatterRows() takes its rows from a mapped file when it runs on the emulator", () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, new Uint8Array(Int32Array.of(1, 0).buffer));
    using device = Device.open({ backend: "emulator", threads: 1 });
    const ops = new NativeOps(device);
    using file = ops.openFile(path);
    const buffer = Buffer.map(device, NativeFile.handleOf(file), file.bytes);
    using rows = NativeTensor.at(buffer, {
      type: "i32",
      offset: 0,
      rows: 1,
      columns: 2,
      stride: 2,
    });
    using x = ops.tensor("f32", 2, 1);
    using out = ops.tensor("f32", 2, 1);
    ops.write(x, Float32Array.of(5, 7));
    ops.scatterRows(out, x, rows);
    const result = new Float32Array(2);
    ops.read(out, result);
    assertEquals([...result], [7, 5]);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("linear() gives rows the same bits in any number when weights are bf16", () => {
  using device = Device.open({ backend: "emulator" });
  const ops = new NativeOps(device);
  const [most, outputs] = [100, 70];
  for (const columns of [5, 203, 1160]) {
    const random = new Random(columns);
    const numbers = (count: number) =>
      Float32Array.from({ length: count }, () => random.next() - 0.5);
    using weight = ops.tensor("bf16", outputs, columns);
    using x = ops.tensor("f32", most, columns);
    ops.write(weight, toBf16(numbers(outputs * columns)));
    ops.write(x, numbers(most * columns));
    const resultsOf = (first: number, count: number): Float32Array => {
      using from = x.rowView(first, count);
      using out = ops.tensor("f32", count, outputs);
      ops.linear(out, from, weight);
      const results = new Float32Array(count * outputs);
      ops.read(out, results);
      return results;
    };
    const all = resultsOf(0, most);
    for (const count of [1, 7, 8, 9, 15, 16, 17, 64, 65]) {
      const first = most - count;
      assertEquals(resultsOf(first, count), all.subarray(first * outputs), `${count} rows`);
    }
  }
});

Deno.test("attention() gives rows the same bits when its scratch does not hold all of them", () => {
  using device = Device.open({ backend: "emulator" });
  const ops = new NativeOps(device);
  // Of 8 heads and 512 spans, 15 rows fit.
  const [rows, heads, size, width] = [17, 8, 256, 8192];
  const random = new Random(1);
  const numbers = (count: number) =>
    Float32Array.from({ length: count }, () => random.next() - 0.5);
  using q = ops.tensor("f32", rows, heads * size);
  using out = ops.tensor("f32", rows, heads * size);
  using keys = ops.tensor("f32", 2 * PAGE_TOKENS, size);
  using values = ops.tensor("f32", 2 * PAGE_TOKENS, size);
  using segments = ops.tensor("i32", 1, 2);
  using pages = ops.tensor("i32", 1, width);
  using starts = ops.tensor("i32", 1, width);
  using shifts = ops.tensor("i32", 1, width);
  ops.write(q, numbers(rows * heads * size));
  for (const cache of [keys, values]) ops.write(cache, numbers(2 * PAGE_TOKENS * size));
  ops.write(pages, new Int32Array(width).fill(-1).with(0, 1).with(width - 1, 0));
  ops.write(starts, new Int32Array(width).with(width - 1, PAGE_TOKENS));
  const resultsOf = (first: number, count: number): Float32Array => {
    using from = q.rowView(first, count);
    using to = out.rowView(first, count);
    using at = ops.tensor("i32", 1, count);
    ops.write(at, Int32Array.from({ length: count }, (_, row) => 10 + first + row));
    ops.write(segments, Int32Array.of(0, count));
    ops.attention(to, from, keys, values, at, segments, pages, starts, shifts, size, 0, 1e4);
    const results = new Float32Array(count * heads * size);
    ops.read(to, results);
    return results;
  };
  const all = resultsOf(0, rows);
  for (const row of [0, 14, 15, 16]) {
    assertEquals(resultsOf(row, 1), all.subarray(row * heads * size, (row + 1) * heads * size));
  }
});

for (const type of ["f32", "bf16", "q8"] as const) {
  Deno.test(`linear() takes more rows than a grid has when weights are ${type}`, () => {
    using device = Device.open({ backend: "emulator" });
    const ops = new NativeOps(device);
    const [rows, columns] = [65_537, 32];
    using weight = type === "q8" ? ops.packed(type, 1, columns, 32) : ops.tensor(type, 1, columns);
    const ones = new Float32Array(columns).fill(1);
    using x = ops.tensor("f32", rows, columns);
    using out = ops.tensor("f32", rows, 1);
    ops.write(weight, type === "bf16" ? toBf16(ones) : ones);
    ops.write(x, Float32Array.from({ length: rows * columns }, (_, i) => Math.floor(i / columns)));
    ops.linear(out, x, weight);
    const result = new Float32Array(rows);
    ops.read(out, result);
    const worst = result.map((sum, row) => Math.abs(sum / columns - row) / (row + 1));
    assert(Math.max(...worst.slice(65_530), worst[0]!, worst[1]!) < 0.005); // bf16
  });
}

Deno.test("the emulator says so when an index that a kernel wrote is in no buffer", () => {
  using targets = new Targets("emulator");
  const { several: ops } = targets.all[0]!;
  using x = ops.tensor("f32", 1, 9);
  using tokens = ops.tensor("i32", 1, 1);
  using table = ops.tensor("f32", 8, 2);
  using out = ops.tensor("f32", 1, 2);
  ops.write(table, Float32Array.from({ length: 16 }, (_, index) => index));
  const greatestAt = (place: number) => {
    ops.write(x, Float32Array.from({ length: 9 }, (_, index) => index === place ? 1 : 0));
    ops.argmax(tokens, x);
  };
  greatestAt(8);
  const { message } = assertThrows(() => ops.embedding(out, table, tokens), Error);
  assertMatch(message, /^ct_embedding: thread .* for element 1[67] of buffer 1, which has 16$/);
  greatestAt(5);
  ops.embedding(out, table, tokens);
  const result = new Float32Array(2);
  ops.read(out, result);
  assertEquals([...result], [10, 11]);
});
