/**
 * What the host for CUDA has to do right with a library that stands in for NVIDIA's driver.
 *
 * @module
 */
import { expectMatch, expectSame } from "./expect_same.ts";
import {
  CHECKS_PASSED,
  failures,
  type HostCheck,
  KERNEL_SOURCES,
  MAPPED_WEIGHTS,
  RUN_CHECKS,
  RUN_MODELS,
  type StandIns,
  succeed,
} from "./stand_ins.ts";

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

/** The checks, the longest last. */
export async function cudaChecks(standIns: StandIns): Promise<HostCheck[]> {
  const kernels = await standIns.compile(KERNEL_SOURCES);
  const objects = [...await standIns.compile([DRIVER]), ...kernels];
  const libraries = await standIns.link(LIBRARY, objects);

  return [
    {
      name: "copies are whole when they are larger than the staging memory",
      run: async () => {
        await succeed(["tests/gpu_stand_in/large_copies.ts"], { libraries });
      },
    },
    {
      name: "small tensors share memory, which goes back with the last",
      run: async () => {
        await succeed(["tests/gpu_stand_in/many_tensors.ts"], { libraries });
      },
    },
    {
      name: "each of several GPUs is found by its number",
      run: async () => {
        await succeed(["tests/gpu_stand_in/second_gpu.ts"], { libraries });
      },
    },
    {
      name: "weights that another device has packed are copied as they are",
      run: async () => {
        await succeed([MAPPED_WEIGHTS, "cuda"], { libraries });
      },
    },
    {
      name: "errors name the kernel, or the bytes that were asked for",
      run: async () => {
        expectSame(await failures("cuda", { libraries }), FAILURES);
      },
    },
    {
      name: "opening says in a sentence why it cannot",
      run: async () => {
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
          expectMatch(said.replace(/^open: ct_device_open: /, ""), sentence);
        }
      },
    },
    {
      name: "generations go on where the driver refuses their graphs",
      run: async () => {
        const flags = ["-DSTAND_IN_WITHOUT_GRAPHS"];
        const refusing = [...await standIns.compile([DRIVER], ...flags), ...kernels];
        const libraries = await standIns.link(LIBRARY, refusing);
        const said = await succeed(RUN_MODELS, { libraries });
        expectMatch(said, /stand-in: a capture that is spoilt\n/);
        expectMatch(said, /stand-in: there is no room for a graph\n/);
        await succeed(["tests/gpu_stand_in/refused_graphs.ts"], { libraries });
      },
    },
    {
      name: "operators and models give what they give on the emulator",
      run: async () => {
        const said = await succeed(RUN_CHECKS, { libraries });
        expectMatch(said, CHECKS_PASSED);
      },
    },
  ];
}
