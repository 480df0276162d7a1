import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Device, LIMIT_NUMBERS, STATUS_NUMBERS } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { SYMBOLS } from "../ffi/symbols.ts";
import { TYPE_NUMBERS } from "../ffi/tensor.ts";
import { PACKED_LAYOUT, PACKED_ROWS, PAGE_TOKENS, type Tensor } from "../src/ops.ts";
import { OutOfMemoryError } from "../src/weight_memory.ts";
import { openFiles } from "./checkpoints.ts";
import { ReferenceOps } from "./reference_ops.ts";

const HEADER = Deno.readTextFileSync(
  new URL("../kernels/include/contrail.h", import.meta.url),
).replaceAll(/\/\*.*?\*\//gs, "");

/** What a type of the header is to JavaScript: data is passed in buffers, handles are pointers. */
function foreignType(type: string): string {
  if (/^(const )?(char|void)\*$/.test(type)) return "buffer";
  if (/^ct_\w+\*$/.test(type)) return "pointer";
  const numbers = { uint32_t: "u32", uint64_t: "u64", int32_t: "i32", float: "f32" };
  const number = numbers[type as keyof typeof numbers];
  assert(number, `the header has a type "${type}" that is not known here`);
  return number;
}

/** The functions that the header declares, in its order. */
function declaredSymbols() {
  const functions = HEADER.matchAll(/^(\w+\*?) (ct_\w+)\(([^)]*)\);/gm);
  return Array.from(functions, ([, result, name, list]) => {
    const parameters = list === "void" ? [] : list!.split(",").map((parameter) => {
      const [, type] = parameter.trim().replaceAll(/\s+/g, " ").match(/^(.*[* ])\w+$/)!;
      return foreignType(type!.trim());
    });
    return [name!, { parameters, result: foreignType(result!) }] as const;
  });
}

/** Expects an error that is a sentence: what is wrong, and after a semicolon what to do. */
function assertSentence(body: () => unknown, includes: string): void {
  const { message } = assertThrows(body, Error, includes);
  assertMatch(message, /^[\w"].* (is|are|has|cannot|was|of|pass|holds) .*[;:] [\w ]{4,}/, message);
  assert(!message.endsWith("."), message);
}

/** Operators on a device of their own. */
function open() {
  const device = Device.open({ threads: 1 });
  return { ops: new NativeOps(device), [Symbol.dispose]: () => device[Symbol.dispose]() };
}

function read(ops: NativeOps, tensor: Tensor): number[] {
  const data = new Float32Array(tensor.rows * tensor.columns);
  ops.read(tensor, data);
  return [...data];
}

Deno.test("SYMBOLS agrees with the header when both are read in order", () => {
  const declared = declaredSymbols();
  assertEquals(declared.length, HEADER.match(/\bct_\w+\(/g)!.length);
  assertEquals(Object.keys(SYMBOLS), declared.map(([name]) => name));
  for (const [name, declaration] of declared) {
    assertEquals(SYMBOLS[name as keyof typeof SYMBOLS], declaration as unknown, name);
  }
});

Deno.test("The numbers of types and kinds agree with the header when it defines them", () => {
  const defined = new Map(
    Array.from(HEADER.matchAll(/#define CT_(\w+) (\d+)u/g), ([, name, value]) => [name, +value!]),
  );
  const types = Object.entries(TYPE_NUMBERS).map(([type, number]) => [type.toUpperCase(), number]);
  assertEquals(
    Object.fromEntries(defined),
    Object.fromEntries([
      ...types,
      ["PAGE_TOKENS", PAGE_TOKENS],
      ["PACKED_ROWS", PACKED_ROWS],
      ["PACKED_LAYOUT", PACKED_LAYOUT],
      ...Object.entries(STATUS_NUMBERS).map(([name, number]) => [`STATUS_${name}`, number]),
      ...LIMIT_NUMBERS.map((number, i) => [["LIMIT_READ", "LIMIT_F32", "LIMIT_INT8"][i]!, number]),
    ]),
  );
});

Deno.test("NativeTensor frees its memory once when it is disposed twice", () => {
  using opened = open();
  const { ops } = opened;
  const tensor = ops.tensor("f32", 3, 5);
  using other = ops.tensor("bf16", 2, 2);
  assertEquals(ops.bytes, 3 * 5 * 4 + 2 * 2 * 2);
  tensor[Symbol.dispose]();
  tensor[Symbol.dispose]();
  assertEquals(ops.bytes, 2 * 2 * 2);
  other[Symbol.dispose]();
  assertEquals(ops.bytes, 0);
});

Deno.test("NativeTensor says so when it is used after it was disposed", () => {
  using opened = open();
  const { ops } = opened;
  const tensor = ops.tensor("f32", 3, 5);
  using fine = ops.tensor("f32", 3, 5);
  tensor[Symbol.dispose]();
  const uses = [
    () => ops.read(tensor, new Float32Array(15)),
    () => ops.write(tensor, new Float32Array(15)),
    () => ops.zero(tensor),
    () => ops.silu(fine, tensor),
    () => ops.silu(tensor, fine),
    () => tensor.rowView(0, 1),
    () => tensor.columnView(0, 1),
  ];
  for (const use of uses) assertSentence(use, "The tensor f32[3, 5] is disposed");
});

Deno.test("NativeTensor keeps its memory when a view is left, or the other way round", () => {
  using opened = open();
  const { ops } = opened;
  const base = ops.tensor("f32", 3, 2);
  ops.write(base, Float32Array.of(1, 2, 3, 4, 5, 6));
  const rows = base.rowView(1, 2);
  const corner = rows.columnView(1, 1);
  rows[Symbol.dispose]();
  assertEquals(read(ops, base), [1, 2, 3, 4, 5, 6]);
  base[Symbol.dispose]();
  assertEquals(ops.bytes, 3 * 2 * 4);
  assertEquals(read(ops, corner), [4, 6]);
  ops.write(corner, Float32Array.of(7, 8));
  assertEquals(read(ops, corner), [7, 8]);
  corner[Symbol.dispose]();
  assertEquals(ops.bytes, 0);
});

Deno.test("NativeTensor views a part, and says so when there is no such part", () => {
  using opened = open();
  using tensor = opened.ops.tensor("f32", 3, 2);
  for (const [start, count] of [[-1, 1], [0, 4], [3, 1], [4, 0], [0, -1], [0.5, 1], [NaN, 1]]) {
    const part = `not ${start} to ${start! + count!}`;
    assertSentence(() => tensor.rowView(start!, count!), `The tensor has 3 rows, ${part}`);
  }
  assertSentence(() => tensor.columnView(1, 2), "The tensor has 2 columns, not 1 to 3");
  using none = tensor.rowView(3, 0);
  assertEquals([none.rows, none.columns, ...read(opened.ops, none)], [0, 2]);
});

Deno.test("NativeOps.tensor() says so when the size is none", () => {
  using opened = open();
  for (const size of [-1, 0.5, NaN, 2 ** 32]) {
    assertSentence(() => opened.ops.tensor("f32", size, 4), `A tensor cannot be [${size}, 4]`);
  }
});

Deno.test("NativeOps tells that memory has run out from what else may fail", () => {
  using opened = open();
  const { ops } = opened;
  using held = ops.tensor("f32", 1, 4);
  const tooLarge = () => ops.tensor("f32", 2 ** 31, 2 ** 20);
  assertSentence(tooLarge, "out of memory for 9007199254740992 bytes");
  assertEquals(assertThrows(tooLarge, OutOfMemoryError).held, 16);
  // The words alone say nothing.
  const error = assertThrows(() => ops.openFile("/none/out of memory"), Error, "out of memory");
  assert(!(error instanceof OutOfMemoryError));
  const wrong = assertThrows(() => ops.argmax(held, held), Error);
  assert(!(wrong instanceof OutOfMemoryError));
  assertEquals(ops.bytes, 16);
});

Deno.test("NativeOps says so when data is of another type or size", () => {
  using opened = open();
  const { ops } = opened;
  const cases = [
    ["f32", Int32Array, "pass Float32Array"],
    ["bf16", Float32Array, "pass Uint16Array"],
    ["i32", Uint16Array, "pass Int32Array"],
  ] as const;
  for (const [type, array, advice] of cases) {
    using tensor = ops.tensor(type, 2, 3);
    const data = new array(6);
    assertSentence(() => ops.write(tensor, data), `but tensor is [2, 3] of ${type}; ${advice}`);
    assertSentence(() => ops.read(tensor, data), `but tensor is [2, 3] of ${type}; ${advice}`);
  }
  using tensor = ops.tensor("f32", 2, 3);
  for (const size of [0, 5, 7]) {
    const message = `data has ${4 * size} bytes but tensor is [2, 3] of f32; pass 24`;
    assertSentence(() => ops.write(tensor, new Float32Array(size)), message);
    assertSentence(() => ops.read(tensor, new Float32Array(size)), message);
  }
});

Deno.test("NativeOps says so when a tensor or file is of other operators", () => {
  using opened = open();
  using other = open();
  const { ops } = opened;
  const reference = new ReferenceOps();
  using tensor = ops.tensor("f32", 1, 4);
  const made = "The tensor f32[1, 4] was made by other operators";
  assertSentence(() => ops.silu(tensor, reference.tensor("f32", 1, 4)), made);
  using distant = other.ops.tensor("f32", 1, 4);
  assertSentence(() => ops.silu(tensor, distant), "device");
  using file = reference.openFile(new URL(import.meta.url).pathname);
  const range = { file, offset: 0, type: "f32", rowStep: 1 } as const;
  assertSentence(() => ops.load(tensor, range), `${file.path} was opened by other operators`);
});

Deno.test("Device leaves the memory that was made on it when it is closed", () => {
  const device = Device.open({ threads: 2 });
  const ops = new NativeOps(device);
  const tensor = ops.tensor("f32", 1, 4);
  device[Symbol.dispose]();
  device[Symbol.dispose]();
  assertSentence(() => ops.tensor("f32", 1, 4), "The device is closed");
  assertSentence(() => ops.silu(tensor, tensor), "The device is closed");
  assertSentence(() => ops.read(tensor, new Float32Array(4)), "device is closed");
  assertSentence(() => tensor.rowView(0, 1), "device is closed");
  assertEquals(ops.bytes, 16);
  tensor[Symbol.dispose]();
  assertEquals(ops.bytes, 0);
});

Deno.test("Device.open() opens what it has, and says so when it has no such thing", () => {
  const names = Device.instructionSets();
  for (const instructionSet of names) {
    using device = Device.open({ instructionSet, threads: 3 });
    assertEquals([device.instructionSet, device.threads], [instructionSet, 3]);
  }
  using best = Device.open();
  assertEquals(best.instructionSet, names[0]);
  const unknown = `instruction_set is "mmx" but there is ${names.join(" ")}`;
  assertSentence(() => Device.open({ instructionSet: "mmx" }), unknown);
  assertSentence(() => Device.open({ instructionSet: "pla\0in" }), "holds a NUL character");
  for (const threads of [-1, 1.5, NaN, 5000]) {
    assertSentence(() => Device.open({ threads }), `threads is ${threads}`);
  }
});

Deno.test("NativeFile closes its file once, and says so when it is used later", () => {
  using opened = open();
  const { ops } = opened;
  using tensor = ops.tensor("f32", 1, 2);
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, new Uint8Array(Float32Array.of(1, 2, 3).buffer));
    const before = openFiles();
    const file = ops.openFile(path);
    const range = { file, offset: 4, type: "f32", rowStep: 1 } as const;
    assertEquals([file.path, file.bytes], [path, 12]);
    ops.load(tensor, range);
    assertEquals(read(ops, tensor), [2, 3]);
    assertSentence(() => ops.load(tensor, { ...range, offset: 8 }), "ct_tensor_load");
    file[Symbol.dispose]();
    file[Symbol.dispose]();
    assertSentence(() => ops.load(tensor, range), `The file ${path} is closed`);
    assertEquals(openFiles(), before);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("NativeOps.openFile() says so when there is no such file", () => {
  using opened = open();
  const folder = Deno.makeTempDirSync();
  try {
    assertSentence(() => opened.ops.openFile(`${folder}/none`), `cannot open "${folder}/none"`);
    assertSentence(() => opened.ops.openFile(folder), `"${folder}" is a directory`);
  } finally {
    Deno.removeSync(folder);
  }
});
