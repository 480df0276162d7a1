/**
 * Builds the native libraries, one for each backend, with the C++ compiler at hand.
 *
 * ```sh
 * deno task build                       # into build/, where a source is newer than a library
 * deno task build --backend cpu         # this one only, always
 * deno task build --compiler clang++    # with this compiler, always
 * deno task build --compiler aarch64-linux-gnu-g++ --output /tmp/arm64
 * ```
 *
 * @module
 */
import { compile, type CompileJob, type Compiler, findCompiler, runCompiler } from "./compile.ts";
import { cudaCode, cudaTargets, lackedBy, metalCode } from "./device_code.ts";

/**
 * What runs the operators: the CPU's own kernels, or the kernels of GPUs on one of NVIDIA
 * (`cuda`), on one of Apple (`metal`), or on the CPU, thread by thread, which is slow and for tests
 * (`emulator`).
 */
export type Backend = "cpu" | "emulator" | "cuda" | "metal";

/** How {@linkcode buildLibrary} builds. */
export interface BuildOptions {
  /** Which library; `cpu` is the default. */
  backend?: Backend;
  /** Compiler to use; without it, the first of `c++`, `g++` and `clang++` that is there. */
  compiler?: string;
  /** Folder of the library; without it, `build/` of this project. */
  output?: string;
}

interface InstructionSet {
  readonly name: string;
  readonly lanes: number;
  readonly flags: readonly string[];
}

const KERNELS = filePath(new URL("./", import.meta.url));
const BUILD = filePath(new URL("../build/", import.meta.url));

const AVX2_FLAGS = ["-mavx2", "-mfma"];
const AVX512_FLAGS = ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", ...AVX2_FLAGS];
const INSTRUCTION_SETS: Readonly<Record<string, readonly InstructionSet[]>> = {
  x86_64: [
    { name: "avx512vnni", lanes: 16, flags: [...AVX512_FLAGS, "-mavx512vnni"] },
    { name: "avx512", lanes: 16, flags: AVX512_FLAGS },
    { name: "avx2", lanes: 8, flags: AVX2_FLAGS },
    { name: "plain", lanes: 4, flags: [] },
  ],
  aarch64: [{ name: "neon", lanes: 4, flags: [] }],
};

const FLAGS = [
  "-std=c++17",
  "-O3",
  "-fPIC",
  "-pthread",
  "-fvisibility=hidden",
  "-fno-exceptions",
  "-fno-rtti",
  // Only multiply_add may fuse: see cpu/simd.h.
  "-ffp-contract=off",
  "-Wall",
  "-Wextra",
];

/** Every backend whose library is built, where the tools for it are there. */
export const BACKENDS: readonly Backend[] = ["cpu", "emulator", "cuda", "metal"];

/** Folders whose every source is compiled once; a build looks at no file of other folders. */
const COMPILED_ONCE: Readonly<Record<Backend, readonly string[]>> = {
  cpu: ["common"],
  emulator: ["common", "gpu/host", "emulator"],
  cuda: ["common", "gpu/host", "cuda"],
  metal: ["common", "gpu/host", "metal"],
};
const READ_ALONG: Readonly<Record<Backend, readonly string[]>> = {
  cpu: ["include", "cpu"],
  emulator: ["include", "cpu", "gpu"],
  cuda: ["include", "cpu", "gpu"],
  metal: ["include", "cpu", "gpu"],
};
// The CPU's operators are included by cpu/target.cc, once for each instruction set.
const CPU_HOST_SOURCES = ["device", "instruction_sets", "measure", "operators", "recording"];

// Without the last, Metal shows a program without windows no GPU.
const METAL_FRAMEWORKS = ["Metal", "Foundation", "CoreGraphics"].flatMap((name) => [
  "-framework",
  name,
]).concat("-lobjc");

/** Path of the library that {@linkcode buildLibrary} makes by default. */
export function libraryPath(backend: Backend): string {
  return BUILD + libraryName(backend, Deno.build.os === "darwin");
}

/** Whether a library is missing or older than any file that it is made from. */
export async function isStale(backend: Backend): Promise<boolean> {
  const built = await modified(libraryPath(backend));
  if (built === undefined) return true;
  const folders = [...COMPILED_ONCE[backend], ...READ_ALONG[backend]];
  const files = ["build.ts", "compile.ts", "device_code.ts"].map((name) =>
    modified(KERNELS + name)
  );
  const times = await Promise.all([
    ...folders.map((name) => newest(`${KERNELS}${name}/`)),
    ...files,
  ]);
  return times.some((time) => time !== undefined && time > built);
}

/**
 * Builds a library if it is stale, and returns its path.
 *
 * @throws {Error} There is no compiler, or it fails.
 */
export async function ensureLibrary(backend: Backend = "cpu"): Promise<string> {
  return await isStale(backend) ? await buildLibrary({ backend }) : libraryPath(backend);
}

/**
 * Builds the library, says so in a line, and returns its path. The library appears whole or not at
 * all.
 *
 * @throws {Error} There is no compiler, or it fails, or the backend cannot be built for.
 */
export async function buildLibrary(options: BuildOptions = {}): Promise<string> {
  // The library is dated from here, so a source that changes while it is compiled is newer.
  const started = new Date();
  const { backend = "cpu" } = options;
  const compiler = await findCompiler(options.compiler);
  const lacked = await lackedBy(backend, compiler);
  if (lacked !== undefined) throw new Error(`Cannot build for ${backend}: ${lacked}`);
  const sets = backend === "cpu" ? instructionSets(compiler) : [];
  const gpus = backend === "cuda" ? await cudaTargets() : [];
  const folder = options.output === undefined ? BUILD : `${options.output}/`;
  const library = folder + libraryName(backend, compiler.machine.includes("darwin"));
  const shown = options.output === undefined
    ? library.slice(BUILD.length - "build/".length)
    : library;
  const { command, version } = compiler;
  const names = [...sets.map((set) => set.name), ...gpus].join(" ");
  console.error(`Building ${shown} with ${command} ${version}${names && ` (${names})`}`);

  await Deno.mkdir(folder, { recursive: true });
  const scratch = await Deno.makeTempDir({ dir: folder, prefix: ".build-" });
  try {
    const jobs = await compileJobs(backend, sets, scratch);
    if (backend === "cuda") {
      jobs.push(await cudaCode(`${KERNELS}cuda/kernels.cu`, gpus, scratch));
    } else if (backend === "metal") {
      jobs.push(await metalCode(`${KERNELS}metal/kernels.metal`, scratch));
    }
    const objects = await compile(command, jobs, 2);
    const linked = `${scratch}/library`;
    await runCompiler(command, [
      ...linkFlags(backend, compiler),
      "-o",
      linked,
      ...objects,
      "-lm",
      "-ldl",
    ]);
    await Deno.utime(linked, started, started);
    await Deno.rename(linked, library);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
  return library;
}

function filePath(url: URL): string {
  return decodeURIComponent(url.pathname);
}

function libraryName(backend: Backend, darwin: boolean): string {
  return `libcontrail_${backend}.${darwin ? "dylib" : "so"}`;
}

async function modified(path: string): Promise<number | undefined> {
  try {
    return (await Deno.stat(path)).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** When the file under `folder` that changed last did so. */
async function newest(folder: string): Promise<number> {
  let latest = 0;
  for await (const entry of Deno.readDir(folder)) {
    const path = folder + entry.name;
    const time = entry.isDirectory ? await newest(`${path}/`) : await modified(path) ?? 0;
    latest = Math.max(latest, time);
  }
  return latest;
}

function instructionSets({ command, machine }: Compiler): readonly InstructionSet[] {
  const architecture = (machine.split("-")[0] ?? "").replace(/^arm64$/, "aarch64");
  const sets = INSTRUCTION_SETS[architecture];
  if (sets !== undefined && !/mingw|windows|msvc/.test(machine)) return sets;
  throw new Error(
    `Cannot build the kernel library because ${command} compiles for ${machine}; ` +
      `use a compiler for Linux or macOS on x86-64 or arm64`,
  );
}

/** The compiler's work, longest first. */
async function compileJobs(
  backend: Backend,
  sets: readonly InstructionSet[],
  scratch: string,
): Promise<CompileJob[]> {
  const jobs: CompileJob[] = sets.map(({ name, lanes, flags }) => ({
    source: `${KERNELS}cpu/target.cc`,
    object: `${scratch}/target_${name}.o`,
    flags: [...FLAGS, ...flags, `-DCT_TARGET=${name}`, `-DCT_LANES=${lanes}`],
  }));
  const once = backend === "cpu" ? CPU_HOST_SOURCES.map((name) => `cpu/${name}.cc`) : [];
  for (const folder of COMPILED_ONCE[backend]) {
    for await (const { name } of Deno.readDir(KERNELS + folder)) {
      if (name.endsWith(".cc")) once.push(`${folder}/${name}`);
    }
  }
  for (const name of once) {
    const object = `${scratch}/${name.replaceAll("/", "_")}.o`;
    jobs.push({ source: KERNELS + name, object, flags: FLAGS });
  }
  return jobs;
}

function linkFlags(backend: Backend, { machine }: Compiler): string[] {
  if (machine.includes("darwin")) {
    const name = `@rpath/${libraryName(backend, true)}`;
    const frameworks = backend === "metal" ? METAL_FRAMEWORKS : [];
    return ["-dynamiclib", "-pthread", "-install_name", name, ...frameworks];
  }
  // A worker that is ended unloads its libraries, which must not happen under running threads.
  return ["-shared", "-pthread", "-Wl,-z,nodelete", "-Wl,-z,defs", "-Wl,--as-needed"];
}

/** Which libraries the words of the command line ask for; all, where stale, if there are none. */
function parseArguments(words: readonly string[]): BuildOptions[] {
  const options: BuildOptions = {};
  let backends = BACKENDS;
  for (let i = 0; i < words.length; i += 2) {
    const [name, value] = [words[i], words[i + 1]];
    if (name === "--backend" && BACKENDS.includes(value as Backend)) {
      backends = [value as Backend];
    } else if ((name === "--compiler" || name === "--output") && value) {
      options[name === "--compiler" ? "compiler" : "output"] = value;
    } else {
      throw new Error(
        `Cannot build with "${name}"; pass --backend ${BACKENDS.join(", ")}, ` +
          `--compiler NAME or --output FOLDER`,
      );
    }
  }
  return backends.map((backend) => ({ ...options, backend }));
}

/** Builds what is asked for, and says what of it this machine cannot build. */
async function build(all: readonly BuildOptions[]): Promise<void> {
  const leftOut: string[] = [];
  let built = false;
  for (const options of all) {
    const { backend = "cpu" } = options;
    if (Deno.args.length === 0 && !await isStale(backend)) continue;
    const lacked = await lackedBy(backend, await findCompiler(options.compiler));
    if (lacked === undefined || all.length === 1) {
      await buildLibrary(options);
      built = true;
    } else {
      leftOut.push(`Left out the library for ${backend}: ${lacked}`);
    }
  }
  if (built) leftOut.forEach((line) => console.error(line));
}

if (import.meta.main) {
  try {
    await build(parseArguments(Deno.args));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
