/**
 * Finds and runs a C++ compiler.
 *
 * @module
 */

/** A C++ compiler. */
export interface Compiler {
  readonly command: string;
  readonly machine: string; // "x86_64-linux-gnu"
  readonly version: string;
}

/** One source to compile. */
export interface CompileJob {
  readonly source: string;
  readonly object: string;
  readonly flags: readonly string[];
}

const COMPILERS = ["c++", "g++", "clang++"];

/**
 * Runs `command` and returns what it printed. Its warnings go to the error output.
 *
 * @throws {Deno.errors.NotFound} There is no such command.
 * @throws {Error} It failed; the message has what it said.
 */
export async function runCompiler(command: string, args: readonly string[]): Promise<string> {
  const output = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  const said = decoder.decode(output.stderr).trim();
  if (!output.success) {
    throw new Error(`${command} failed with status ${output.code}; read what it says:\n${said}`);
  }
  if (said !== "") console.error(said);
  return decoder.decode(output.stdout);
}

/**
 * Compiles `jobs` in their order, `processes` at a time, and returns the paths of the objects.
 *
 * @throws {Error} The first that failed; none starts after it, and none is left running.
 */
export async function compile(
  command: string,
  jobs: readonly CompileJob[],
  processes: number,
): Promise<string[]> {
  let next = 0;
  async function work(): Promise<void> {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) {
      try {
        await runCompiler(command, [...job.flags, "-c", job.source, "-o", job.object]);
      } catch (error) {
        next = jobs.length;
        throw error;
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: processes }, work));
  for (const result of results) {
    if (result.status === "rejected") throw result.reason;
  }
  return jobs.map((job) => job.object);
}

/**
 * The compiler of this name, or the first one that there is.
 *
 * @throws {Error} There is none.
 */
export async function findCompiler(wanted?: string): Promise<Compiler> {
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
