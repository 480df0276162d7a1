/**
 * Weights in a file that is larger than a buffer of Metal's GPU may be, which is 2 MiB here: prints
 * nothing; throws where tensors are not found, wherever they lie in the file, or are not refused
 * where they are too large.
 *
 * @module
 */
import { Device } from "../../ffi/device.ts";
import { NativeOps } from "../../ffi/ops.ts";
import type { Tensor } from "../../src/ops.ts";
import type { MappedMemory } from "../../src/weight_memory.ts";
import { GREEDY_IDS, loadFable, PROMPT_IDS } from "../fable.ts";
import { Folder } from "../stores.ts";
import { expectSame } from "./expect_same.ts";

const MOST = 2 ** 21;
/** Of the file of numbers: three buffers, of which the last ends in the middle of a page. */
const COUNT = (5 * MOST + 2048) / 8;

function doubled(ops: NativeOps, tensor: Tensor): [first: number, last: number] {
  using out = ops.tensor("f32", tensor.rows, tensor.columns);
  ops.add(out, tensor, tensor);
  const read = new Float32Array(tensor.rows * tensor.columns);
  ops.read(out, read);
  return [read[0]!, read.at(-1)!];
}

function saidBy(call: () => unknown): string {
  try {
    call();
    return "nothing";
  } catch (error) {
    return (error as Error).message;
  }
}

/** Checks a tensor of so many numbers from one of them on, each of which is its place. */
function check(ops: NativeOps, memory: MappedMemory, first: number, columns: number): void {
  using tensor = memory.tensor("f32", 1, columns, first * 4);
  expectSame(doubled(ops, tensor), [2 * first, 2 * (first + columns - 1)]);
}

function checkNumbers(folder: string): void {
  const path = `${folder}/numbers`;
  const numbers = Float32Array.from({ length: COUNT }, (_, i) => i);
  Deno.writeFileSync(path, new Uint8Array(numbers.buffer));
  using device = Device.open({ backend: "metal" });
  const ops = new NativeOps(device);
  using file = ops.openFile(path);
  const memory = ops.map(file);
  const border = MOST / 4;
  check(ops, memory, border - 100, 100);
  check(ops, memory, border, 100);
  check(ops, memory, border - 3000, 9000); // across, in a buffer of its own from here on
  check(ops, memory, border - 3000, 100);
  check(ops, memory, border + 5000, 100);
  check(ops, memory, border + 8000, 9000); // begins in that, ends in the second
  check(ops, memory, border - 64, 128);
  check(ops, memory, 2 * border - 64, COUNT - 2 * border + 64); // to the end
  check(ops, memory, border - 1024, border); // as large as may be
  using tooLarge = memory.tensor("f32", 1, border + 64, 4096);
  using index = ops.tensor("i32", 1, 1);
  using out = ops.tensor("f32", 1, border - 64);
  expectSame(
    saidBy(() => ops.argmax(index, tooLarge)),
    `ct_argmax: the GPU does not take the ${4 * (border + 64)} bytes of a tensor in a file as ` +
      `they lie, at most ${MOST} at once; load without a cache`,
  );
  // The rest of the file is as it was, also for what waits to run when nobody else has it.
  const tensor = memory.tensor("f32", 1, border - 64, 4096);
  ops.add(out, tensor, tensor);
  memory[Symbol.dispose]();
  tensor[Symbol.dispose]();
  const read = new Float32Array(border - 64);
  ops.read(out, read);
  expectSame(read[0], 2048);
}

/** The small model, of a file with a border. */
async function checkModel(folder: string): Promise<void> {
  const options = { weights: "q8", cache: folder, sessions: 1, prefixCache: 0 } as const;
  await (await loadFable(options)).close(); // the CPU writes it
  await using runtime = await loadFable({ ...options, device: "metal" });
  expectSame(Deno.statSync(runtime.weightsFile!).size > MOST, true);
  await using session = await runtime.session();
  await session.append(PROMPT_IDS);
  const greedy = { temperature: 0, maxTokens: 3, ignoreEos: true };
  const ids = (await Array.fromAsync(session.generate(greedy))).map(({ id }) => id);
  expectSame(ids, GREEDY_IDS.slice(0, 3));
}

if (import.meta.main) {
  await using folder = new Folder();
  checkNumbers(folder.path);
  await checkModel(folder.path);
}
