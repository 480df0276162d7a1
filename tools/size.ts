/**
 * Finds source files and lines that are too long.
 *
 * @module
 */

/** What a source file may be. */
interface Limits {
  readonly lines: number;
  readonly columns: number;
}

const LIMITS: Limits = { lines: 300, columns: 100 };

/** The files that may be longer. Keep this list short. */
const BUDGETS: Readonly<Record<string, Partial<Limits>>> = {
  "ffi/ops.ts": { lines: 350 }, // a call for each operator
  "kernels/include/contrail.h": { lines: 375 }, // the same contract for C
  "src/ops.ts": { lines: 350 }, // the contract, a paragraph for each operator
  "tools/mutations.ts": { lines: 400 }, // a table: four lines for each fault
};

const FOLDERS = [".", "bench", "ffi", "kernels", "src", "tests", "tools"];
const SOURCE = /\.(?:ts|js|css|html|h|cc|cu|mm|metal)$/;

/** What is too long in one file. */
export function tooLong(path: string, text: string, budgets = BUDGETS): string[] {
  const limits = { ...LIMITS, ...budgets[path] };
  const lines = text.replace(/\n$/, "").split("\n");
  const problems = lines.flatMap((line, i) =>
    [...line].length > limits.columns
      ? [`${path}:${i + 1} has ${[...line].length} columns, limit ${limits.columns}`]
      : []
  );
  if (lines.length <= limits.lines) return problems;
  return [`${path} has ${lines.length} lines, limit ${limits.lines}: split it`, ...problems];
}

/** Paths of the sources below `folder`. */
async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = folder === "." ? name : `${folder}/${name}`;
    if (isDirectory && folder !== ".") yield* sources(path);
    if (SOURCE.test(name)) yield path;
  }
}

if (import.meta.main) {
  const problems: string[] = [];
  for (const folder of FOLDERS) {
    for await (const path of sources(folder)) {
      problems.push(...tooLong(path, await Deno.readTextFile(path)));
    }
  }
  for (const problem of problems.sort()) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
