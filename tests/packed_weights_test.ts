/**
 * Packed weights: what they hold after they were written or loaded, their views, and wrong calls.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { ELEMENT_BYTES, type PackedRange, type Tensor } from "../src/ops.ts";
import { PACKINGS } from "./cases/case.ts";
import { Targets } from "./native.ts";
import {
  awkwardWeights,
  checkLoadPacked,
  checkRounding,
  CodesFile,
  COLUMNS,
  contents,
  ROWS,
} from "./operator_checks/packed.ts";

Deno.test("write() rounds packed weights as the reference does on any instruction set", () => {
  using targets = new Targets();
  for (const { several } of targets.all) checkRounding(several);
});

Deno.test("rowView() of packed weights leaves the other rows when it is written", () => {
  using device = Device.open({ threads: 2 });
  const ops = new NativeOps(device);
  const weights = awkwardWeights();
  for (const [type, group] of PACKINGS) {
    using tensor = ops.packed(type, ROWS, COLUMNS, group);
    ops.write(tensor, weights);
    const before = contents(ops, tensor);
    using view = tensor.rowView(16, 5);
    assertEquals(contents(ops, view), before.subarray(16 * COLUMNS, 21 * COLUMNS));
    ops.write(view, new Float32Array(5 * COLUMNS));
    before.fill(0, 16 * COLUMNS, 21 * COLUMNS);
    assertEquals(contents(ops, tensor).map((value) => value + 0), before.map((value) => value + 0));
  }
});

Deno.test("loadPacked() agrees with the reference when bits, groups and types differ", () => {
  using targets = new Targets();
  for (const { several } of targets.all) checkLoadPacked(several);
});

Deno.test("loadPacked() refuses a range when it does not fit", () => {
  using device = Device.open({ threads: 1 });
  const ops = new NativeOps(device);
  const rows = 4;
  using file = new CodesFile(rows, { bits: 4, group: 64, scaleType: "bf16", rowStep: 1 });
  using open = ops.openFile(file.path);
  using tensor = ops.packed("q4", rows, COLUMNS, 64);
  using wider = ops.packed("q8", rows, COLUMNS, 64);
  using indices = ops.tensor("i32", rows, COLUMNS);
  const range = file.range(open);
  const refuses = (change: Partial<PackedRange>, part: string, to: Tensor = tensor) => {
    assertThrows(
      () => ops.loadPacked(to, { ...range, ...change }),
      Error,
      `ct_packed_load: ${part}`,
    );
  };
  refuses({ bits: 5 as 4 }, "bits is 5");
  refuses({ group: 0 }, "group is 0");
  refuses({ group: 36 }, "group is 36");
  refuses({ group: 96 }, "group is 96");
  refuses({ rowStep: 0 }, "row_step is 0");
  refuses({ rowStep: 2 }, "tensor needs 4 rows");
  refuses({ codes: range.scales }, "tensor needs 4 rows of 96 bytes");
  const late = { file: open, offset: range.scales.offset + 1 };
  refuses({ scales: late }, "tensor needs 4 rows of 6 bytes");
  refuses({ scaleType: "i32" as "f32" }, "scale_type is 2");
  refuses({}, "bits is 4 but tensor is q8", wider);
  refuses({}, "tensor is i32", indices);
});

Deno.test("packed() refuses a shape when no weights can have it", () => {
  using device = Device.open({ threads: 1 });
  const ops = new NativeOps(device);
  const before = device.bytes;
  assertThrows(() => ops.packed("q8", 4, 128, 16), Error, "group is 16");
  assertThrows(() => ops.packed("q8", 4, 128, 128), Error, "group is 128");
  assertThrows(() => ops.packed("q4", 4, 96, 64), Error, "columns is 96 but group is 64");
  assertThrows(() => ops.packed("q4", 4, 0, 64), Error, "columns is 0");
  assertThrows(() => ops.packed("f32" as "q4", 4, 64, 64), Error, "type is 0");
  assertEquals(device.bytes, before);
});

Deno.test("packed weights have the bytes of their codes and scales when they are made", () => {
  using device = Device.open({ threads: 1 });
  const ops = new NativeOps(device);
  for (const [type, group] of PACKINGS) {
    const before = device.bytes;
    using _ = ops.packed(type, 32, 256, group);
    const bits = (type === "q8" ? 8 : 4) + 16 / group;
    assertEquals(device.bytes - before, 32 * 256 * bits / 8);
  }
});

Deno.test("packed weights have no views inside a block of rows when one is asked for", () => {
  using device = Device.open({ threads: 1 });
  const ops = new NativeOps(device);
  using tensor = ops.packed("q8", 40, 64, 64);
  assertThrows(() => tensor.rowView(8, 8), RangeError, "begin at a multiple of 16");
  assertThrows(() => tensor.rowView(32, 9), RangeError, "The tensor has 40 rows");
  assertThrows(() => tensor.columnView(0, 32), RangeError, "no views of columns");
  assertThrows(() => ops.zero(tensor), Error, "ct_tensor_zero: tensor is q8");
  assertThrows(() => ops.write(tensor, new Uint16Array(40 * 64)), TypeError, "pass Float32Array");
  assertThrows(() => ops.write(tensor, new Float32Array(64)), Error, "data has 256 bytes");
  const loaded = ELEMENT_BYTES.f32 * 40 * 64;
  assertThrows(() => ops.read(tensor, new Float32Array(1)), Error, `pass ${loaded}`);
});
