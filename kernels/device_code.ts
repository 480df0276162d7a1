/**
 * Makes the kernels of GPUs into the object that a host's library embeds.
 *
 * @module
 */
import type { Backend } from "./build.ts";
import { type CompileJob, type Compiler, runCompiler } from "./compile.ts";

/** GPUs that have code of their own: the ones that nvcc knows of these. Others run the PTX. */
const CUDA_TARGETS = ["75", "80", "86", "87", "89", "90", "120"];
const CUDA_FLAGS = [
  "-fatbin",
  "-std=c++17",
  // Only multiply_add may fuse: see gpu/prelude_cuda.h.
  "-fmad=false",
  "-Werror=all-warnings",
  "--threads=2",
];

/** What the library of a backend cannot be built without and is not here; nothing is undefined. */
export async function lackedBy(
  backend: Backend,
  { machine }: Compiler,
): Promise<string | undefined> {
  if (backend !== "cuda") return undefined;
  if (machine.includes("darwin")) return "macOS has no CUDA";
  try {
    await runCompiler("nvcc", ["--version"]);
    return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) {
      return "there is no nvcc, which the CUDA toolkit has";
    }
    throw error;
  }
}

/** Names of the GPUs that code is made for, "sm_75" and so on. */
export async function cudaTargets(): Promise<string[]> {
  const known = (await runCompiler("nvcc", ["--list-gpu-code"])).split(/\s+/);
  return CUDA_TARGETS.map((number) => `sm_${number}`).filter((name) => known.includes(name));
}

/** Compiles `source` for CUDA into a file of `scratch`; what assembles it into the library. */
export async function cudaCode(
  source: string,
  targets: readonly string[],
  scratch: string,
): Promise<CompileJob> {
  const file = `${scratch}/kernels.fatbin`;
  const [oldest = "sm_75"] = targets;
  const code = [...targets, oldest.replace("sm", "compute")].map((name) =>
    `-gencode=arch=${name.replace("sm", "compute")},code=${name}`
  );
  await runCompiler("nvcc", [...CUDA_FLAGS, ...code, `-o=${file}`, source]);
  return {
    source: source.replace(/\.cu$/, ".S"),
    object: `${scratch}/device_code.o`,
    flags: [`-DCT_KERNELS_FILE="${file}"`],
  };
}
