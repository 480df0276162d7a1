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
function checkSharing(device: Device, all: number): void {
  const ops = new NativeOps(device);
  const many = tensors(ops, 300, 70);
  expectSame(device.freeBytes, all - 64 * MIB);
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
  expectSame(device.freeBytes, all - 64 * MIB); // one is left
  dispose(many);
  expectSame(device.freeBytes, all);
}

/** Large tensors stand alone; where there is no room for a block, there is for a small one. */
function checkLimits(device: Device, all: number): void {
  const ops = new NativeOps(device);
  const large = tensors(ops, 2, 50 * MIB);
  expectSame(device.freeBytes, all - 400 * MIB);
  const block = tensors(ops, 4, 4 * MIB - 64); // of nearly 16 MiB
  expectSame(device.freeBytes, all - 464 * MIB);
  const more = tensors(ops, 2, 3 * MIB);
  expectSame(device.freeBytes, all - 488 * MIB);
  dispose([...more, ...block, ...large]);
  expectSame(device.freeBytes, all);
}

if (import.meta.main) {
  using device = Device.open({ backend: "cuda" });
  const all = device.freeBytes!;
  expectSame(all, 512 * MIB);
  checkSharing(device, all);
  checkLimits(device, all);
  expectSame(device.bytes, 0);
}
