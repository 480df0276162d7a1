/**
 * The emulator on kernels that do what a kernel must not: built and run as a program of its own.
 *
 * @module
 */
import { assertEquals, assertNotEquals } from "@std/assert";
import { findCompiler, runCompiler } from "../kernels/compile.ts";

const THREADS = 64;
const SOURCES = [
  "tests/emulator/faults.cc",
  "kernels/emulator/block.cc",
  "kernels/emulator/fibre.cc",
];

/** What each run of a kernel came to, in order, by the kernels' names. */
const runs = await runFaults();

/** What the emulator says of each kernel; of some the thread depends on the order. */
const REPORTS: Readonly<Record<string, string>> = {
  past_end:
    "thread 63 of block 0, 0, 0 of past_end reaches for element 64 of buffer 0, which has 64",
  before_begin: "thread N of block 0, 0, 0 of before_begin reaches for element -N of buffer 0, " +
    "which has 64",
  past_shared_end: "thread N of block 0, 0, 0 of past_shared_end reaches for element N of a " +
    "shared array of 32",
  askew_shared: "thread N of block 0, 0, 0 of askew_shared reads 16 bytes of a shared array at " +
    "once from element N, where no multiple of as many is",
  too_much_shared: "thread N of block 0, 0, 0 of too_much_shared needs 36000 bytes of shared " +
    "memory of 32768",
  divergent_barrier: "the threads of block 0, 0, 0 of divergent_barrier diverge at the barrier " +
    "of line N",
  two_barriers: "the threads of block 0, 0, 0 of two_barriers diverge at the barrier of line N",
  divergent_shuffle: "the lanes of warp 1 of block 0, 0, 0 of divergent_shuffle diverge at the " +
    "shuffle of line N",
};

for (const [kernel, report] of Object.entries(REPORTS)) {
  Deno.test(`the emulator says what is wrong when it runs ${kernel}`, () => {
    const pattern = report.replaceAll("N", "[1-9]\\d*");
    assertEquals(
      runs.get(kernel)!.map((text) => text.replace(new RegExp(`^${pattern}$`), report)),
      [report],
    );
  });
}

Deno.test("the emulator has NaN in shared memory when nobody has written it", () => {
  assertEquals(runs.get("unwritten_shared"), [Array(THREADS).fill("nan").join(" ")]);
});

Deno.test("the emulator gives the same when threads wait for each other, whatever the seed", () => {
  const numbers = Array.from({ length: THREADS }, (_, thread) => thread);
  const swapped = numbers.map((thread) => thread ^ 32).join(" ");
  const sums = numbers.map((thread) => thread < 32 ? 496 : 1520).join(" ");
  for (const [kernel, wanted] of [["swapped", swapped], ["warp_sums", sums]] as const) {
    assertEquals(new Set(runs.get(kernel)), new Set([wanted]));
  }
});

Deno.test("the emulator shows what depends on the order when threads do not wait", () => {
  const results = runs.get("swapped_too_soon")!;
  assertNotEquals(new Set(results.slice(0, -1)).size, 1);
  assertEquals(results.at(-1), results.at(-2)); // of one seed
  for (const result of results) {
    assertEquals(result.split(" ").filter((x) => x === "nan").length, 32);
  }
});

async function runFaults(): Promise<Map<string, string[]>> {
  const root = decodeURIComponent(new URL("../", import.meta.url).pathname);
  const folder = await Deno.makeTempDir();
  try {
    const program = `${folder}/faults`;
    await runCompiler((await findCompiler()).command, [
      "-std=c++17",
      "-Wall",
      "-Wextra",
      "-o",
      program,
      ...SOURCES.map((source) => root + source),
    ]);
    const runs = new Map<string, string[]>();
    for (const line of (await runCompiler(program, [])).trim().split("\n")) {
      const [name, result] = line.split(": ") as [string, string];
      runs.set(name, [...runs.get(name) ?? [], result.replaceAll("-nan", "nan").trim()]);
    }
    return runs;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
