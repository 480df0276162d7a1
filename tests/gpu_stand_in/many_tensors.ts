/**
 * How the memory of a GPU of CUDA is given out: prints nothing; throws where tensors do not share
 * blocks, do not give them back, or touch each other.
 *
 * @module
 */
import { Device } from "../../ffi/device.ts";
import { NativeOps } from "../../ffi/ops.ts";
import type { Tensor } from "../../src/ops.ts";
import { expectSame } from "./expect_same.ts";

const MIB = 2 ** 20;

/** Bytes that the driver still has, as an error tells. */
function freeBytes(ops: NativeOps): number {
  try {
    ops.tensor("f32", 1024, MIB)[Symbol.dispose]();
  } catch (error) {
    return Number((error as Error).message.match(/ has (\d+) free/)![1]);
  }
  throw new Error("there are 4 GiB");
}

function tensors(ops: NativeOps, count: number, columns: number): Tensor[] {
  return Array.from({ length: count }, () => ops.tensor("f32", 1, columns));
}

function valuesOf(ops: NativeOps, tensor: Tensor): number[] {
  const data = new Float32Array(tensor.columns);
  ops.read(tensor, data);
  return [...data];
}

function dispose(all: readonly Tensor[]): void {
  for (const tensor of all) tensor[Symbol.dispose]();
}

/** Small tensors share a block; each has bytes of its own, zeros at first, also where one was. */
function checkSharing(ops: NativeOps, all: number): void {
  const many = tensors(ops, 300, 70);
  expectSame(freeBytes(ops), all - 64 * MIB);
  for (const [i, tensor] of many.entries()) ops.write(tensor, new Float32Array(70).fill(i + 1));
  const last = many.pop()!;
  last[Symbol.dispose]();
  many.splice(100, 1)[0]![Symbol.dispose]();
  const [again] = tensors(ops, 1, 70);
  expectSame(valuesOf(ops, again!), Array(70).fill(0));
  for (const [i, tensor] of many.entries()) {
    expectSame(valuesOf(ops, tensor), Array(70).fill(i + (i < 100 ? 1 : 2)));
  }
  dispose([again!, ...many.splice(1)]);
  expectSame(freeBytes(ops), all - 64 * MIB); // one is left
  dispose(many);
  expectSame(freeBytes(ops), all);
}

/** Large tensors stand alone; where there is no room for a block, there is for a small one. */
function checkLimits(ops: NativeOps, all: number): void {
  const large = tensors(ops, 2, 50 * MIB);
  expectSame(freeBytes(ops), all - 400 * MIB);
  const block = tensors(ops, 4, 4 * MIB - 64); // of nearly 16 MiB
  expectSame(freeBytes(ops), all - 464 * MIB);
  const more = tensors(ops, 2, 3 * MIB);
  expectSame(freeBytes(ops), all - 488 * MIB);
  dispose([...more, ...block, ...large]);
  expectSame(freeBytes(ops), all);
}

if (import.meta.main) {
  using device = Device.open({ backend: "cuda" });
  const ops = new NativeOps(device);
  const all = freeBytes(ops);
  checkSharing(ops, all);
  checkLimits(ops, all);
  expectSame(ops.bytes, 0);
}
