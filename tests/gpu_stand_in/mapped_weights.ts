/**
 * Weights in a file on the GPU of the library that is named: what is mapped and what is copied, and
 * a model that comes out of the file which another device has written. Prints nothing; throws where
 * it is not so.
 *
 * @module
 */
import { Device } from "../../ffi/device.ts";
import { NativeOps } from "../../ffi/ops.ts";
import type { Runtime } from "../../src/runtime.ts";
import { GREEDY_IDS, loadFable, PROMPT_IDS } from "../fable.ts";
import { Folder } from "../stores.ts";
import { expectSame } from "./expect_same.ts";

async function greedyIds(runtime: Runtime, count: number): Promise<number[]> {
  await using session = await runtime.session();
  await session.append(PROMPT_IDS);
  const options = { temperature: 0, maxTokens: count, ignoreEos: true };
  return (await Array.fromAsync(session.generate(options))).map(({ id }) => id);
}

/** Whether a tensor in a file shows what is written to the file later. */
function isMapped(backend: "cuda" | "metal", folder: string): boolean {
  const path = `${folder}/numbers`;
  const numbers = Float32Array.from({ length: 6000 }, (_, i) => i);
  Deno.writeFileSync(path, new Uint8Array(numbers.buffer));
  using device = Device.open({ backend });
  const ops = new NativeOps(device);
  using file = ops.openFile(path);
  const memory = ops.map(file);
  const tensor = memory.tensor("f32", 2, 2000, 4096);
  using out = ops.tensor("f32", 2, 2000);
  ops.add(out, tensor, tensor);
  const sum = memory.checksum(0, file.bytes);
  {
    using opened = Deno.openSync(path, { write: true });
    opened.writeSync(new Uint8Array(numbers.map((x) => -x).buffer));
  }
  const changed = memory.checksum(0, file.bytes) !== sum;
  const read = new Float32Array(4000);
  ops.read(out, read);
  expectSame(read[3999], 2 * (1024 + 3999));
  // What waits to run still reaches the file's pages when nobody else does.
  ops.add(out, tensor, tensor);
  memory[Symbol.dispose]();
  tensor[Symbol.dispose]();
  ops.read(out, read);
  expectSame(read[0], (changed ? -2 : 2) * 1024);
  return changed;
}

/** Loads the small model three times: the first device writes the file that the others read. */
async function checkModel(
  first: "cpu" | "cuda" | "metal",
  then: "cpu" | "cuda" | "metal",
  weights: "auto" | "q8",
): Promise<void> {
  await using folder = new Folder();
  for (const [i, device] of [first, then, first].entries()) {
    await using runtime = await loadFable({ device, weights, cache: folder.path, sessions: 1 });
    expectSame(runtime.weightsFile !== undefined, i > 0);
    expectSame(await greedyIds(runtime, 3), GREEDY_IDS.slice(0, 3));
  }
}

if (import.meta.main) {
  const backend = Deno.args[0] === "metal" ? "metal" : "cuda";
  await using folder = new Folder();
  expectSame(isMapped(backend, folder.path), backend === "metal");
  await checkModel("cpu", backend, "auto");
  await checkModel(backend, "cpu", "q8");
}
