/**
 * The host for CUDA with a library that stands in for NVIDIA's driver and runs the kernels on the
 * emulator, as late as a driver may: what is launched with which operands, and what is copied when.
 * It says nothing of how kernels behave on a GPU; `gpu_test.ts` does, where there is one.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { libraryPath } from "../kernels/build.ts";
import { runCompiler } from "../kernels/compile.ts";
import {
  CHECKS_PASSED,
  failures,
  KERNEL_SOURCES,
  MAPPED_WEIGHTS,
  ROOT,
  run,
  RUN_CHECKS,
  RUN_MODELS,
  StandIns,
} from "./gpu_stand_in/stand_ins.ts";

const DRIVER = "tests/gpu_stand_in/libcuda.cc";
const LIBRARY = "libcuda.so.1";
/** What `failures.ts` prints. */
const FAILURES = `open: nothing
described: sm_86 Stand-in GPU
free: 536870912
outOfMemory: full: ct_buffer_create: out of memory for 4294967296 bytes, of 536870912 the GPU has \
536870912 free; ask for less or free some
outOfScratch: full: ct_page_scores: out of memory for 4296015872 bytes of scratch, of 536870912 \
the GPU has 452984832 free; ask for less or free some
tooGreatGrid: ct_rms_norm: kernel rms_norm with a grid of 1 by 65536 by 1 failed on the GPU: \
CUDA_ERROR_INVALID_VALUE (the stand-in refuses)
wrongIndex: what was begun before failed on the GPU: CUDA_ERROR_ILLEGAL_ADDRESS (the stand-in \
refuses); the kernel launched last was gather_rows_f32 of ct_embedding
wrongIndexReplayed: what was begun before failed on the GPU: CUDA_ERROR_ILLEGAL_ADDRESS (the \
stand-in refuses); the kernel launched last was one of ct_recording_replay`;

const ignore = !isBuilt();
const without = ignore ? " (ignored: there is no library for cuda)" : "";

Deno.test(
  `a driver that stands in runs what the host asks for${without}`,
  { ignore },
  async (t) => {
    await using standIns = new StandIns();
    const kernels = await standIns.compile(KERNEL_SOURCES);
    const objects = [...await standIns.compile([DRIVER]), ...kernels];
    const libraries = await standIns.link(LIBRARY, objects);

    await t.step("operators and models give what they give on the emulator", async () => {
      const { code, said } = await run(RUN_CHECKS, { libraries });
      assertEquals(code, 0, said);
      assertMatch(said, CHECKS_PASSED);
    });

    await t.step("copies are whole when they are larger than the staging memory", async () => {
      const { code, said } = await run(["tests/gpu_stand_in/large_copies.ts"], { libraries });
      assertEquals(code, 0, said);
    });

    await t.step("small tensors share memory, which goes back with the last", async () => {
      const { code, said } = await run(["tests/gpu_stand_in/many_tensors.ts"], { libraries });
      assertEquals(code, 0, said);
    });

    await t.step("each of several GPUs is found by its number", async () => {
      const { code, said } = await run(["tests/gpu_stand_in/second_gpu.ts"], { libraries });
      assertEquals(code, 0, said);
    });

    await t.step("weights that another device has packed are copied as they are", async () => {
      const { code, said } = await run([MAPPED_WEIGHTS, "cuda"], { libraries });
      assertEquals(code, 0, said);
    });

    await t.step("errors name the kernel, or the bytes that were asked for", async () => {
      assertEquals(await failures("cuda", { libraries }), FAILURES);
    });

    await t.step("generations go on where the driver refuses their graphs", async () => {
      const flags = ["-DSTAND_IN_WITHOUT_GRAPHS"];
      const refusing = [...await standIns.compile([DRIVER], ...flags), ...kernels];
      const { code, said } = await run(RUN_MODELS, {
        libraries: await standIns.link(LIBRARY, refusing),
      });
      assertEquals(code, 0, said);
      assertMatch(said, /stand-in: a capture that is spoilt\n/);
      assertMatch(said, /stand-in: there is no room for a graph\n/);
    });

    await t.step("opening says in a sentence why it cannot", async () => {
      const flags = ["-DSTAND_IN_WITHOUT_GPU"];
      const without = [...await standIns.compile([DRIVER], ...flags), ...kernels];
      const broken = await standIns.makeFolder();
      await Deno.writeTextFile(`${broken}/${LIBRARY}`, "this is no library");
      const sentences = {
        [broken]: /^there is no NVIDIA driver \(.*libcuda.so.1.*\); install it, or /,
        [await standIns.link(LIBRARY, kernels.slice(-1))]:
          /^the NVIDIA driver has no cuInit; install a newer one$/,
        [await standIns.link(LIBRARY, without)]:
          /^the NVIDIA driver shows no GPU: CUDA_ERROR_NO_DEVICE \(no GPU .*\); use another /,
      };
      for (const [libraries, sentence] of Object.entries(sentences)) {
        const said = await failures("cuda", { libraries });
        assertMatch(said.replace(/^open: ct_device_open: /, ""), sentence);
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
