/**
 * Makes the kernels of GPUs into what a host's library embeds: code for CUDA, text for Metal.
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
  if (backend === "metal") return machine.includes("darwin") ? undefined : "this is not macOS";
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
  // The oldest has no matrix instructions for bf16, so whatever is newer gets PTX that has.
  const others = targets.slice(0, 2).map((name) => name.replace("sm", "compute"));
  const code = [...targets, ...others].map((name) =>
    `-gencode=arch=${name.replace("sm", "compute")},code=${name}`
  );
  await runCompiler("nvcc", [...CUDA_FLAGS, ...code, `-o=${file}`, source]);
  return {
    source: source.replace(/\.cu$/, ".S"),
    object: `${scratch}/device_code.o`,
    flags: [`-DCT_KERNELS_FILE="${file}"`],
  };
}

/** Writes `source` for Metal, whole, into a file of `scratch`; what assembles it in the library. */
export async function metalCode(source: string, scratch: string): Promise<CompileJob> {
  const file = `${scratch}/kernels.metal`;
  await Deno.writeTextFile(file, await whole(source));
  return {
    source: source.replace(/\.metal$/, ".S"),
    object: `${scratch}/device_code.o`,
    flags: [`-DCT_KERNELS_FILE="${file}"`],
  };
}

/** The text of a source with each file that it includes in its place, the first time. */
async function whole(path: string, included = new Set<string>()): Promise<string> {
  if (included.has(path)) return "";
  included.add(path);
  const lines: string[] = [];
  for (const line of (await Deno.readTextFile(path)).split("\n")) {
    const name = line.match(/^#include "(.+)"$/)?.[1];
    const part = name && await whole(new URL(name, `file://${path}`).pathname, included);
    if (line !== "#pragma once") lines.push(part ?? line);
  }
  return lines.join("\n");
}
