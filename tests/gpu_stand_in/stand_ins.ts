/**
 * Makes libraries that stand in for what a GPU's host calls, and runs programs with them.
 *
 * @module
 */
import { compile, findCompiler, runCompiler } from "../../kernels/compile.ts";

export const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** The kernels as the GPUs that stand in run them. */
export const KERNEL_SOURCES = [
  "kernels/emulator/kernels.cc",
  "tests/gpu_stand_in/run_kernel.cc",
  "kernels/emulator/block.cc",
  "kernels/emulator/fibre.cc",
  "kernels/common/status.cc",
];

/** Runs the tests of `gpu_test.ts` whose names match. */
function checks(names: string): string[] {
  return ["tools/deno.ts", "test", "--allow-all", "--filter", names, "tests/gpu_test.ts"];
}

/** Runs what a host has a part in; the rest is long, and the emulator's test. */
export const RUN_CHECKS = checks("/float64|refuse|loaded|record|tiny-4b|restore|batch/");
/** Runs whole generations, whose steps come again. */
export const RUN_MODELS = checks("/restore|batch/");
/** What it prints at its end. */
export const CHECKS_PASSED = /\b[1-9]\d passed \(\d+ steps\) \| 0 failed/;

/** Maps weights on the device that is named; says nothing where all is as it should be. */
export const MAPPED_WEIGHTS = "tests/gpu_stand_in/mapped_weights.ts";

/** Something that a host has to do right. */
export interface HostCheck {
  /** What it does, as a test says it. */
  readonly name: string;
  /** Throws unless the host does. */
  readonly run: () => Promise<void>;
}

const FLAGS = ["-std=c++17", "-O2", "-fPIC", "-Wall", "-Wextra", "-ffp-contract=off"];

/** A folder in which all of it is made. */
export class StandIns implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync();

  /** Path of a new folder. */
  async makeFolder(): Promise<string> {
    return await Deno.makeTempDir({ dir: this.#folder });
  }

  /** Paths of what `sources` are compiled to. */
  async compile(sources: readonly string[], ...flags: string[]): Promise<string[]> {
    const folder = await this.makeFolder();
    const jobs = sources.map((source, i) => ({
      source: ROOT + source,
      object: `${folder}/${i}.o`,
      flags: [...FLAGS, ...flags],
    }));
    return await compile((await findCompiler()).command, jobs, 2);
  }

  /** Links a library, and returns the folder that it is in. */
  async link(name: string, objects: readonly string[]): Promise<string> {
    const folder = await this.makeFolder();
    const { command } = await findCompiler();
    await runCompiler(command, ["-shared", "-o", `${folder}/${name}`, ...objects]);
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Runs a program of the project in `root`, with libraries of a folder and more environment. */
export async function run(
  args: readonly string[],
  { root = ROOT, libraries = "", env = {} }: {
    root?: string;
    libraries?: string;
    env?: Record<string, string>;
  },
): Promise<{ code: number; said: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-all", ...args],
    cwd: root,
    env: { NO_COLOR: "1", ...(libraries === "" ? {} : { LD_LIBRARY_PATH: libraries }), ...env },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Runs a program as {@linkcode run}, and returns what it says; throws where it fails. */
export async function succeed(...call: Parameters<typeof run>): Promise<string> {
  const { code, said } = await run(...call);
  if (code !== 0) throw new Error(said);
  return said;
}

/** What `failures.ts` prints of a backend's GPU, without what the GPU itself prints. */
export async function failures(
  backend: string,
  where: { root?: string; libraries?: string },
): Promise<string> {
  const { said } = await run(["tests/gpu_stand_in/failures.ts", backend], where);
  return said.split("\n").filter((line) => !line.startsWith("stand-in: ")).join("\n").trim();
}
