/**
 * The host for CUDA with a library that stands in for NVIDIA's driver and runs the kernels on the
 * emulator, as late as a driver may: what is launched with which operands, and what is copied when.
 * It says nothing of how kernels behave on a GPU; `gpu_test.ts` does, where there is one.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { libraryPath } from "../kernels/build.ts";
import { compile, findCompiler, runCompiler } from "../kernels/compile.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);
const SOURCES = [
  "kernels/emulator/kernels.cc",
  "tests/gpu_stand_in/run_kernel.cc",
  "kernels/emulator/block.cc",
  "kernels/emulator/fibre.cc",
  "kernels/common/status.cc",
];
const DRIVER = "tests/gpu_stand_in/libcuda.cc";
const FLAGS = ["-std=c++17", "-O2", "-fPIC", "-Wall", "-Wextra", "-ffp-contract=off"];
/** What of `gpu_test.ts` the host has a part in; the rest is long, and the emulator's test. */
const CHECKS = "/float64|refuse|loaded|tiny-4b|restore|batch/";

/** What `failures.ts` prints. */
const FAILURES = `open: nothing
described: sm_86 Stand-in GPU
outOfMemory: ct_buffer_create: out of memory for 4294967296 bytes, of 536870912 the GPU has \
536870912 free; ask for less or free some
outOfScratch: ct_attention: out of memory for 2415919104 bytes of scratch, of 536870912 the GPU \
has 503216120 free; ask for less or free some
tooGreatGrid: ct_linear: kernel linear_f32 with a grid of 1 by 65536 by 1 failed on the GPU: \
CUDA_ERROR_INVALID_VALUE (the stand-in refuses)
wrongIndex: what was begun before failed on the GPU: CUDA_ERROR_ILLEGAL_ADDRESS (the stand-in \
refuses); the kernel launched last was gather_rows_f32 of ct_embedding`;

const ignore = !isBuilt();
const without = ignore ? " (ignored: there is no library for cuda)" : "";

/** A folder in which libraries are made that stand in for the driver. */
class StandIns implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync();

  /** Paths of what `sources` are compiled to. */
  async compile(sources: readonly string[], ...flags: string[]): Promise<string[]> {
    const folder = await Deno.makeTempDir({ dir: this.#folder });
    const jobs = sources.map((source, i) => ({
      source: ROOT + source,
      object: `${folder}/${i}.o`,
      flags: [...FLAGS, ...flags],
    }));
    return await compile((await findCompiler()).command, jobs, 2);
  }

  /** Links a `libcuda.so.1`, and returns the folder that it is in. */
  async link(objects: readonly string[]): Promise<string> {
    const folder = await Deno.makeTempDir({ dir: this.#folder });
    const { command } = await findCompiler();
    await runCompiler(command, ["-shared", "-o", `${folder}/libcuda.so.1`, ...objects]);
    return folder;
  }

  /** The folder of a `libcuda.so.1` that is no library. */
  async broken(): Promise<string> {
    const folder = await Deno.makeTempDir({ dir: this.#folder });
    await Deno.writeTextFile(`${folder}/libcuda.so.1`, "broken");
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

Deno.test(
  `a driver that stands in runs what the host asks for${without}`,
  { ignore },
  async (t) => {
    await using standIns = new StandIns();
    const kernels = await standIns.compile(SOURCES);
    const driver = await standIns.link([...await standIns.compile([DRIVER]), ...kernels]);

    await t.step("operators and models give what they give on the emulator", async () => {
      const args = ["tools/deno.ts", "test", "-A", "--filter", CHECKS, "tests/gpu_test.ts"];
      const { code, said } = await run(driver, args);
      assertEquals(code, 0, said);
      assertMatch(said, /\b[1-9]\d passed \(\d+ steps\) \| 0 failed/);
    });

    await t.step("copies are whole when they are larger than the staging memory", async () => {
      const { code, said } = await run(driver, ["tests/gpu_stand_in/large_copies.ts"]);
      assertEquals(code, 0, said);
    });

    await t.step("errors name the kernel, or the bytes that were asked for", async () => {
      const { code, said } = await run(driver, ["tests/gpu_stand_in/failures.ts"]);
      assertEquals(code, 0, said);
      const lines = said.split("\n").filter((line) => !line.startsWith("stand-in: "));
      assertEquals(lines.join("\n").trim(), FAILURES);
    });

    await t.step("opening says in a sentence why it cannot", async () => {
      const flags = ["-DSTAND_IN_WITHOUT_GPU"];
      const none = await standIns.link([...await standIns.compile([DRIVER], ...flags), ...kernels]);
      const sentences = {
        [await standIns.broken()]:
          /^there is no NVIDIA driver \(.*libcuda.so.1.*\); install it, or /,
        [await standIns.link([])]: /^the NVIDIA driver has no cuInit; install a newer one$/,
        [none]: /^the NVIDIA driver shows no GPU: CUDA_ERROR_NO_DEVICE \(no GPU .*\); use another /,
      };
      for (const [folder, sentence] of Object.entries(sentences)) {
        const { said } = await run(folder, ["tests/gpu_stand_in/failures.ts"]);
        assertMatch(said.trim().replace(/^open: ct_device_open: /, ""), sentence);
      }
    });
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

/** Runs a program with the driver of a folder. */
async function run(
  driver: string,
  args: readonly string[],
): Promise<{ code: number; said: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-all", ...args],
    cwd: ROOT,
    env: { LD_LIBRARY_PATH: driver, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
}
