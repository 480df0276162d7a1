/**
 * The host for CUDA with a library that stands in for NVIDIA's driver and runs the kernels on the
 * emulator, as late as a driver may: what is launched with which operands, and what is copied when.
 * It says nothing of how kernels behave on a GPU; `gpu_test.ts` does, where there is one.
 *
 * @module
 */
import { libraryPath } from "../kernels/build.ts";
import { runCompiler } from "../kernels/compile.ts";
import { cudaChecks } from "./gpu_stand_in/cuda_checks.ts";
import { ROOT, StandIns } from "./gpu_stand_in/stand_ins.ts";

const ignore = !isBuilt();
const without = ignore ? " (ignored: there is no library for cuda)" : "";

Deno.test(
  `a driver that stands in runs what the host asks for${without}`,
  { ignore },
  async (t) => {
    await using standIns = new StandIns();
    for (const { name, run } of await cudaChecks(standIns)) await t.step(name, run);
  },
);

Deno.test({
  name: `the driver is declared as its own header does${without}`,
  ignore,
  fn: async () => {
    await runCompiler("nvcc", [
      "-std=c++17",
      "-c",
      "-o=/dev/null",
      `${ROOT}tests/gpu_stand_in/driver_declarations.cc`,
    ]);
  },
});

function isBuilt(): boolean {
  try {
    return Deno.statSync(libraryPath("cuda")).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
