/**
 * Builds the native library with the C++ compiler at hand.
 *
 * ```sh
 * deno task build                       # into build/, when a source is newer than the library
 * deno task build --compiler clang++    # with this compiler, always
 * deno task build --compiler aarch64-linux-gnu-g++ --output /tmp/arm64
 * ```
 *
 * @module
 */
import { compile, type CompileJob, runCompiler } from "./compile.ts";

/** How {@linkcode buildLibrary} builds. */
export interface BuildOptions {
  /** Compiler to use; without it, the first of `c++`, `g++` and `clang++` that is there. */
  compiler?: string;
  /** Folder of the library; without it, `build/` of this project. */
  output?: string;
}

interface Compiler {
  readonly command: string;
  readonly machine: string; // "x86_64-linux-gnu"
  readonly version: string;
}

interface InstructionSet {
  readonly name: string;
  readonly lanes: number;
  readonly flags: readonly string[];
}

const KERNELS = filePath(new URL("./", import.meta.url));
const BUILD = filePath(new URL("../build/", import.meta.url));
const COMPILERS = ["c++", "g++", "clang++"];

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

// What is compiled once; the operators' files are included by cpu/target.cc, once for each
// instruction set.
const HOST_SOURCES = [
  "buffer",
  "checksum",
  "device",
  "entry",
  "file",
  "instruction_sets",
  "measure",
  "tensor",
  "thread_pool",
];

/** Path of the library that {@linkcode buildLibrary} makes by default. */
export const LIBRARY_PATH: string = BUILD + libraryName(Deno.build.os === "darwin");

/** Whether the library is missing or older than any file under `kernels/`. */
export async function isStale(): Promise<boolean> {
  const built = await modified(LIBRARY_PATH);
  return built === undefined || await newest(KERNELS) > built;
}

/**
 * Builds the library if it is stale, and returns its path.
 *
 * @throws {Error} There is no compiler, or it fails.
 */
export async function ensureLibrary(): Promise<string> {
  return await isStale() ? await buildLibrary() : LIBRARY_PATH;
}

/**
 * Builds the library, says so in a line, and returns its path. The library appears whole or not at
 * all.
 *
 * @throws {Error} There is no compiler, or it fails.
 */
export async function buildLibrary(options: BuildOptions = {}): Promise<string> {
  // The library is dated from here, so a source that changes while it is compiled is newer.
  const started = new Date();
  const compiler = await findCompiler(options.compiler);
  const sets = instructionSets(compiler);
  const folder = options.output === undefined ? BUILD : `${options.output}/`;
  const library = folder + libraryName(compiler.machine.includes("darwin"));
  const shown = options.output === undefined
    ? library.slice(BUILD.length - "build/".length)
    : library;
  const { command, version } = compiler;
  const names = sets.map((set) => set.name).join(" ");
  console.error(`Building ${shown} with ${command} ${version} (${names})`);

  await Deno.mkdir(folder, { recursive: true });
  const scratch = await Deno.makeTempDir({ dir: folder, prefix: ".build-" });
  try {
    const objects = await compile(command, await compileJobs(sets, scratch), 2);
    const linked = `${scratch}/library`;
    await runCompiler(command, [...linkFlags(compiler), "-o", linked, ...objects, "-lm"]);
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

function libraryName(darwin: boolean): string {
  return `libcontrail_cpu.${darwin ? "dylib" : "so"}`;
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

async function findCompiler(wanted: string | undefined): Promise<Compiler> {
  for (const command of wanted === undefined ? COMPILERS : [wanted]) {
    try {
      const machine = (await runCompiler(command, ["-dumpmachine"])).trim();
      const version = (await runCompiler(command, ["-dumpfullversion", "-dumpversion"])).trim();
      return { command, machine, version: version.split(".").slice(0, 2).join(".") };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  const missing = wanted === undefined ? "no C++ compiler was found" : `there is no ${wanted}`;
  throw new Error(
    `Cannot build the kernel library because ${missing}; install g++ (Debian, Ubuntu: ` +
      `apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install)`,
  );
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
  sets: readonly InstructionSet[],
  scratch: string,
): Promise<CompileJob[]> {
  const jobs: CompileJob[] = sets.map(({ name, lanes, flags }) => ({
    source: `${KERNELS}cpu/target.cc`,
    object: `${scratch}/target_${name}.o`,
    flags: [...FLAGS, ...flags, `-DCT_TARGET=${name}`, `-DCT_LANES=${lanes}`],
  }));
  for (const name of HOST_SOURCES) {
    jobs.push({ source: `${KERNELS}cpu/${name}.cc`, object: `${scratch}/${name}.o`, flags: FLAGS });
  }
  for await (const { name } of Deno.readDir(`${KERNELS}common`)) {
    if (!name.endsWith(".cc")) continue;
    const object = `${scratch}/common_${name.slice(0, -3)}.o`;
    jobs.push({ source: `${KERNELS}common/${name}`, object, flags: FLAGS });
  }
  return jobs;
}

function linkFlags({ machine }: Compiler): string[] {
  if (machine.includes("darwin")) {
    return ["-dynamiclib", "-pthread", "-install_name", "@rpath/libcontrail_cpu.dylib"];
  }
  // A worker that is ended unloads its libraries, which must not happen under running threads.
  return ["-shared", "-pthread", "-Wl,-z,nodelete", "-Wl,-z,defs", "-Wl,--as-needed"];
}

function parseArguments(words: readonly string[]): BuildOptions {
  const options: BuildOptions = {};
  for (let i = 0; i < words.length; i += 2) {
    const [name, value] = [words[i], words[i + 1]];
    if ((name !== "--compiler" && name !== "--output") || !value) {
      throw new Error(`Cannot build with "${name}"; pass --compiler NAME or --output FOLDER`);
    }
    options[name === "--compiler" ? "compiler" : "output"] = value;
  }
  return options;
}

if (import.meta.main) {
  try {
    const options = parseArguments(Deno.args);
    await (Deno.args.length === 0 ? ensureLibrary() : buildLibrary(options));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
