import { assert, assertEquals } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import type { Ops, Tensor } from "../src/ops.ts";
import { Random } from "./cases/random.ts";
import { Folder } from "./stores.ts";

// Such rows and columns take several pieces of the file, and the last one is not whole.
const ROWS = 5000;
const COLUMNS = 2048;
const BLOCK = 16;
const STEPS = 3;
/** What may stay of the file, in bytes; it has 40 MB in all. */
const RESIDENT = 8 * 2 ** 20;

Deno.test("Ops.load() fills a large tensor as it fills each of its rows", async () => {
  await using file = new LargeFile();
  using device = Device.open({ threads: 2 });
  const ops = new NativeOps(device);
  for (const rowStep of [1, STEPS]) {
    const rows = Math.floor(ROWS / rowStep);
    for (const make of [typed("f32"), typed("bf16"), packed("q8"), packed("q4")]) {
      using whole = make(ops, rows);
      file.load(ops, whole, 0, rowStep);
      for (const first of places(rows)) {
        using part = whole.rowView(first, Math.min(BLOCK, rows - first));
        using alone = make(ops, part.rows);
        file.load(ops, alone, first * rowStep, rowStep);
        assertEquals(bits(ops, part), bits(ops, alone), `${whole.type} ${rowStep} ${first}`);
      }
    }
  }
});

Deno.test("Ops.loadPacked() fills a large tensor as it fills each of its rows", async () => {
  await using file = new LargeFile();
  using device = Device.open({ threads: 2 });
  const ops = new NativeOps(device);
  for (const make of [typed("bf16"), packed("q8")]) {
    const rows = 4 * ROWS - 1;
    using whole = make(ops, rows);
    file.loadPacked(ops, whole, 0);
    for (const first of places(rows)) {
      using part = whole.rowView(first, Math.min(BLOCK, rows - first));
      using alone = make(ops, part.rows);
      file.loadPacked(ops, alone, first);
      assertEquals(bits(ops, part), bits(ops, alone), `${whole.type} ${first}`);
    }
  }
});

Deno.test({
  name: "Ops.load() and loadPacked() keep no file in memory when they have read it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using file = new LargeFile();
    using device = Device.open({ threads: 2 });
    const ops = new NativeOps(device);
    const before = residentFiles();
    using opened = ops.openFile(file.path);
    using tensor = ops.packed("q8", ROWS, COLUMNS, 64);
    ops.load(tensor, { file: opened, offset: 0, type: "f32", rowStep: 1 });
    assert(residentFiles() - before < RESIDENT, "load()");
    const place = { file: opened, offset: 0 };
    const range = { scaleType: "bf16", bits: 8, group: 64, rowStep: 1 } as const;
    ops.loadPacked(tensor, { codes: place, scales: place, ...range });
    assert(residentFiles() - before < RESIDENT, "loadPacked()");
  },
});

/** 40 MB of numbers. */
class LargeFile implements AsyncDisposable {
  readonly #folder = new Folder();
  readonly path = `${this.#folder.path}/numbers`;

  constructor() {
    const random = new Random(5);
    const pattern = Float32Array.from({ length: 4099 }, () => 4 * random.next() - 2);
    const numbers = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => pattern[i % 4099]!);
    Deno.writeFileSync(this.path, new Uint8Array(numbers.buffer));
  }

  load(ops: Ops, tensor: Tensor, row: number, rowStep: number): void {
    using file = ops.openFile(this.path);
    ops.load(tensor, { file, offset: 4 * COLUMNS * row, type: "f32", rowStep });
  }

  /** As if the bytes were codes, and scales, too, some of which are large. */
  loadPacked(ops: Ops, tensor: Tensor, row: number): void {
    using file = ops.openFile(this.path);
    const codes = { file, offset: COLUMNS * row };
    const scales = { file, offset: 4 * COLUMNS / 64 * row };
    const range = { scaleType: "f32", bits: 8, group: 64, rowStep: 1 } as const;
    ops.loadPacked(tensor, { codes, scales, ...range });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#folder[Symbol.asyncDispose]();
  }
}

function typed(type: "f32" | "bf16") {
  return (ops: Ops, rows: number) => ops.tensor(type, rows, COLUMNS);
}

function packed(type: "q8" | "q4") {
  return (ops: Ops, rows: number) => ops.packed(type, rows, COLUMNS, 64);
}

/** Blocks of rows all over a tensor, with the first and the last. */
function places(rows: number): number[] {
  const last = Math.floor((rows - 1) / BLOCK) * BLOCK;
  const steps = Array.from({ length: 60 }, (_, i) => Math.floor(last * i / 59 / BLOCK) * BLOCK);
  return [...new Set(steps)];
}

function bits(ops: Ops, tensor: Tensor): Float32Array | Uint16Array {
  const size = tensor.rows * tensor.columns;
  const data = tensor.type === "bf16" ? new Uint16Array(size) : new Float32Array(size);
  ops.read(tensor, data);
  return data;
}

/** Bytes of files that are mapped and in this process's memory. */
function residentFiles(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(status.match(/RssFile:\s+(\d+) kB/)![1]) * 1024;
}
