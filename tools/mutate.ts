/**
 * Tests the operator tests: plants one fault at a time in a copy of the kernels, builds it, and
 * runs every check of the operators; for a fault in the host of a GPU, those with what stands in
 * for the GPU. A fault that no check notices is an error.
 *
 * ```sh
 * deno task mutate            # all faults
 * deno task mutate attention  # those whose file or description has the word
 * ```
 *
 * @module
 */
import type { Backend as Library } from "../kernels/build.ts";
import { type Mutation, MUTATIONS } from "./mutations.ts";

const ROOT = new URL("../", import.meta.url);
/** What a build and the checks need. */
const PARTS = ["deno.json", "deno.lock", "ffi", "kernels", "models", "src", "tests", "tools"];
/** A fault that makes an operator run on forever is noticed, too. */
const LIMIT_MS = 900_000;
/** What `tests/gpu_stand_in/main.ts` ends with where it cannot build what it checks. */
const NOT_BUILT = 2;

/** A copy of the project whose kernels can be spoilt. */
class Copy {
  readonly #root: URL;

  private constructor(root: URL) {
    this.#root = root;
  }

  static make(): Copy {
    const copy = new Copy(new URL(`file://${Deno.makeTempDirSync({ prefix: "contrail-" })}/`));
    for (const part of PARTS) copyTree(new URL(part, ROOT), new URL(part, copy.#root));
    copy.#buildForOneGpu();
    return copy;
  }

  /**
   * Builds with a fault, and returns what the first check that fails says; nothing where all pass.
   */
  async try({ file, find, replace }: Mutation): Promise<string | undefined> {
    const path = new URL(`kernels/${file}`, this.#root);
    const library = libraryOf({ file });
    const source = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, replaceOnce(source, find, replace, file));
    try {
      await this.build(library);
      return await this.check(library);
    } catch (error) {
      throw new Error(`${file} with ${replace}: ${(error as Error).message}`);
    } finally {
      await Deno.writeTextFile(path, source);
    }
  }

  /** Runs the checks, and returns what the first that fails says. */
  async check(library: Library): Promise<string | undefined> {
    const isHost = library === "cuda" || library === "metal";
    const script = isHost ? "tests/gpu_stand_in/main.ts" : "tests/operator_checks/main.ts";
    const { code, text } = await this.#run(script, library);
    if (code === 0) return undefined;
    if (isHost && code === NOT_BUILT) throw new Error(text);
    return text.trim().split("\n")[0] || `the process ended with status ${code}`;
  }

  /** Builds a library; that for Metal comes with what stands in for it. */
  async build(library: Library): Promise<void> {
    if (library === "metal") return;
    const { code, text } = await this.#run("kernels/build.ts", "--backend", library);
    if (code !== 0) throw new Error(`the kernels do not build in time: ${text}`);
  }

  /** Code for one GPU is made sooner than for all, and none of it runs. */
  #buildForOneGpu(): void {
    const path = new URL("kernels/device_code.ts", this.#root);
    const source = Deno.readTextFileSync(path);
    const all = source.match(/const CUDA_TARGETS = \[.*\];/)![0];
    Deno.writeTextFileSync(path, source.replace(all, 'const CUDA_TARGETS = ["86"];'));
  }

  async #run(script: string, ...args: string[]): Promise<{ code: number; text: string }> {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--allow-all", script, ...args],
      cwd: this.#root,
      signal: AbortSignal.timeout(LIMIT_MS),
      stdout: "piped",
      stderr: "piped",
    });
    const { code, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  }

  remove(): void {
    Deno.removeSync(this.#root, { recursive: true });
  }
}

function copyTree(from: URL, to: URL): void {
  const status = statOf(from);
  if (!status) return;
  if (!status.isDirectory) return Deno.copyFileSync(from, to);
  Deno.mkdirSync(to);
  for (const { name } of Deno.readDirSync(from)) {
    copyTree(new URL(`${from}/${name}`), new URL(`${to}/${name}`));
  }
}

function statOf(path: URL): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Throws unless `find` is in the source exactly once: a fault that is planted nowhere would look
 * unnoticed.
 */
function replaceOnce(source: string, find: string, replace: string, file: string): string {
  const parts = source.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`${file} has ${parts.length - 1} times ${find}; write a fault that fits once`);
}

/** The library that a fault shows in; a CPU records nothing. */
function libraryOf({ file }: Pick<Mutation, "file">): Library {
  if (file.startsWith("cuda/")) return "cuda";
  if (file.startsWith("metal/")) return "metal";
  return /^gpu\/|recording/.test(file) ? "emulator" : "cpu";
}

/** Tries every fault of the list in one copy, and returns those that no check noticed. */
async function tryAll(copy: Copy, mutations: Mutation[], report: (line: string) => void) {
  const survivors: Mutation[] = [];
  for (let mutation = mutations.shift(); mutation; mutation = mutations.shift()) {
    const start = performance.now();
    const noticed = await copy.try(mutation);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const result = noticed ? `caught    ${noticed.slice(0, 160)}` : "SURVIVED";
    report(`${mutation.file}: ${mutation.why}\n  ${result} (${seconds} s)`);
    if (!noticed) survivors.push(mutation);
  }
  return survivors;
}

if (import.meta.main) {
  const [word = ""] = Deno.args;
  const chosen = MUTATIONS.filter(({ file, why }) => `${file} ${why}`.includes(word));
  const copy = Copy.make();
  try {
    const libraries = new Set(chosen.map(libraryOf));
    // Checks of hosts have the CPU write files of weights.
    if (libraries.has("cuda") || libraries.has("metal")) await copy.build("cpu");
    for (const library of libraries) {
      await copy.build(library);
      const failure = await copy.check(library);
      if (failure) throw new Error(`the kernels fail without a fault: ${failure}`);
    }
    const survivors = await tryAll(copy, [...chosen], console.log);
    console.log(`${chosen.length - survivors.length} of ${chosen.length} faults were caught`);
    if (survivors.length) Deno.exitCode = 1;
  } finally {
    copy.remove();
  }
}
