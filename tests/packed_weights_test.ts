/**
 * Packed weights: what they hold after they were written or loaded, their views, and wrong calls.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import {
  ELEMENT_BYTES,
  type Ops,
  type PackedRange,
  type Tensor,
  type WeightFile,
} from "../src/ops.ts";
import { PACKINGS } from "./cases/case.ts";
import { normal, Random } from "./cases/random.ts";
import { Targets } from "./native.ts";
import { ReferenceOps, values } from "./reference_ops.ts";
import { toBf16 } from "./reference/numbers.ts";

const ROWS = 37;
const COLUMNS = 192;

/** Rows of every kind of group: random, zeros, ties, a greatest of either sign, huge and tiny. */
function awkwardWeights(): Float32Array {
  const random = new Random(7);
  const draw = normal();
  const scales = [1, 0, 1e-3, 1e30, 1e-38, 1e-42];
  return Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => {
    const group = Math.floor(i / 32);
    if (group % 7 === 6) return (i % 17 - 8) / 2; // ties in 4 bits
    return draw(random, 0, 0) * scales[group % 7]!;
  });
}

/** What a tensor holds, in float64. */
function read(ops: Ops, tensor: Tensor): Float64Array {
  const data = tensor.type === "bf16"
    ? new Uint16Array(tensor.rows * tensor.columns)
    : new Float32Array(tensor.rows * tensor.columns);
  ops.read(tensor, data);
  if (data instanceof Float32Array) return Float64Array.from(data);
  return Float64Array.from(new Float32Array(Uint32Array.from(data, (half) => half << 16).buffer));
}

Deno.test("write() rounds packed weights as the reference does on any instruction set", () => {
  using targets = new Targets();
  const weights = awkwardWeights();
  for (const [type, group] of PACKINGS) {
    const reference = new ReferenceOps();
    const expected = reference.packed(type, ROWS, COLUMNS, group);
    reference.write(expected, weights);
    for (const { several } of targets.all) {
      using tensor = several.packed(type, ROWS, COLUMNS, group);
      several.write(tensor, weights);
      assertEquals(read(several, tensor), values(expected));
    }
  }
});

Deno.test("rowView() of packed weights leaves the other rows when it is written", () => {
  using device = Device.open({ threads: 2 });
  const ops = new NativeOps(device);
  const weights = awkwardWeights();
  for (const [type, group] of PACKINGS) {
    using tensor = ops.packed(type, ROWS, COLUMNS, group);
    ops.write(tensor, weights);
    const before = read(ops, tensor);
    using view = tensor.rowView(16, 5);
    assertEquals(read(ops, view), before.subarray(16 * COLUMNS, 21 * COLUMNS));
    ops.write(view, new Float32Array(5 * COLUMNS));
    before.fill(0, 16 * COLUMNS, 21 * COLUMNS);
    assertEquals(read(ops, tensor).map((value) => value + 0), before.map((value) => value + 0));
  }
});

/** What codes and scales are like. */
type Kind = Omit<PackedRange, "codes" | "scales">;

/** A file of random codes and of scales from 2⁻⁷ to 1, and where they stand. */
class CodesFile implements Disposable {
  readonly path = Deno.makeTempFileSync();
  readonly #range: Kind;
  readonly #scales: number;

  constructor(rows: number, range: Kind) {
    const { bits, group, scaleType } = range;
    const random = new Random(bits + group);
    const codes = Uint8Array.from({ length: rows * COLUMNS * bits / 8 }, () => random.below(256));
    const numbers = Float32Array.from(
      { length: rows * COLUMNS / group },
      () => 2 ** -random.below(8) * (1 + random.below(1024) / 1024),
    );
    const scales = scaleType === "bf16"
      ? toBf16(numbers)
      : scaleType === "f16"
      ? Uint16Array.from(numbers, () => 0x2000 + random.below(0x1c00))
      : numbers;
    const bytes = new Uint8Array(3 + codes.length + scales.byteLength);
    bytes.set(codes, 3);
    bytes.set(new Uint8Array(scales.buffer), 3 + codes.length);
    Deno.writeFileSync(this.path, bytes);
    this.#range = range;
    this.#scales = 3 + codes.length;
  }

  /** Where codes and scales stand in the file when it is open. */
  range(file: WeightFile): PackedRange {
    const at = (offset: number) => ({ file, offset });
    return { ...this.#range, codes: at(3), scales: at(this.#scales) };
  }

  /** Fills a tensor of some operators from the file. */
  load(ops: Ops, tensor: Tensor): void {
    using file = ops.openFile(this.path);
    ops.loadPacked(tensor, this.range(file));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

const RANGES = ([4, 8] as const).flatMap((bits) =>
  ([[32, "bf16", 1], [64, "f32", 3], [96, "f16", 1], [192, "bf16", 2]] as const).map((
    [group, scaleType, rowStep],
  ) => ({ bits, group, scaleType, rowStep }))
);

Deno.test("loadPacked() agrees with the reference when bits, groups and types differ", () => {
  using targets = new Targets();
  const reference = new ReferenceOps();
  const rows = 19;
  for (const range of RANGES) {
    using file = new CodesFile(rows * range.rowStep, range);
    const own = range.group % 64 === 0 ? 64 : 32;
    const packed = range.bits === 8 ? "q8" : "q4";
    const tensors = (ops: Ops) => [
      ops.packed(packed, rows, COLUMNS, own),
      ops.tensor("f32", rows, COLUMNS),
      ops.tensor("bf16", rows, COLUMNS),
    ];
    const expected = tensors(reference);
    for (const tensor of expected) file.load(reference, tensor);
    for (const { several } of targets.all) {
      for (const [index, tensor] of tensors(several).entries()) {
        file.load(several, tensor);
        const wanted = values(expected[index]!).map(Math.fround);
        assertEquals(read(several, tensor).map((x) => x + 0), wanted.map((x) => x + 0));
        tensor[Symbol.dispose]();
      }
    }
  }
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
