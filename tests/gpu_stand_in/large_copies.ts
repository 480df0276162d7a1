/**
 * Copies more to a GPU of CUDA, and back, than goes through its staging memory at a time. Prints
 * nothing; throws where it is not what the CPU has.
 *
 * @module
 */
import { Device } from "../../ffi/device.ts";
import { NativeOps } from "../../ffi/ops.ts";

/**
 * What a tensor of packed weights holds once `values` were written to it, and then, to its first
 * rows, which end inside a block, values of the rows after them.
 */
function packed(ops: NativeOps, values: Float32Array<ArrayBuffer>, columns: number): Float32Array {
  using tensor = ops.packed("q8", values.length / columns, columns, 32);
  ops.write(tensor, values);
  using first = tensor.rowView(0, 20);
  ops.write(first, values.slice(20 * columns, 40 * columns));
  const read = new Float32Array(values.length);
  ops.read(tensor, read);
  return read;
}

function expectSame(have: Float32Array, wanted: Float32Array): void {
  const place = have.findIndex((value, i) => value !== wanted[i]);
  if (place >= 0) throw new Error(`element ${place} is ${have[place]}, not ${wanted[place]}`);
}

if (import.meta.main) {
  using device = Device.open({ backend: "cuda" });
  using cpu = Device.open();
  const ops = new NativeOps(device);
  const [rows, columns] = [8197, 1088]; // of packed weights 9 MB, with a block that is not whole
  const values = Float32Array.from({ length: rows * columns }, (_, i) => (i * 7919) % 1999 - 999);
  using tensor = ops.tensor("f32", rows, columns); // 36 MB
  ops.write(tensor, values);
  using row = tensor.rowView(4096, 1);
  ops.zero(row);
  const read = new Float32Array(values.length);
  ops.read(tensor, read);
  const expected = values.slice().fill(0, 4096 * columns, 4097 * columns);
  expectSame(read, expected);
  expectSame(packed(ops, values, columns), packed(new NativeOps(cpu), values, columns));
}
