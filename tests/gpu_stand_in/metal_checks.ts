/**
 * What the host for Metal has to do right with a library that stands in for Metal and the runtime
 * of Objective-C.
 *
 * @module
 */
import { findCompiler } from "../../kernels/compile.ts";
import { expectMatch, expectSame } from "./expect_same.ts";
import {
  CHECKS_PASSED,
  failures,
  type HostCheck,
  KERNEL_SOURCES,
  MAPPED_WEIGHTS,
  ROOT,
  RUN_CHECKS,
  type StandIns,
  succeed,
} from "./stand_ins.ts";

const METAL = "tests/gpu_stand_in/metal.cc";
/** What a project is made of, as far as the checks need it. */
const PARTS = ["deno.json", "deno.lock", "ffi", "kernels", "models", "src", "tests", "tools"];
/** What `failures.ts` prints. */
const FAILURES = `open: nothing
described: metal Stand-in GPU
free: 536870912
outOfMemory: full: ct_buffer_create: out of memory for 4294967296 bytes, the GPU has 536870912 \
free and gives at most 268435456 at once; ask for less or free some
outOfScratch: full: ct_page_scores: out of memory for 4296015872 bytes of scratch, the GPU has \
519978872 free and gives at most 268435456 at once; ask for less or free some
tooGreatGrid: nothing
wrongIndex: what was begun before failed on the GPU: the kernel failed; the kernel launched last \
was gather_rows_f32 of ct_embedding
wrongIndexReplayed: what was begun before failed on the GPU: the kernel failed; the kernel \
launched last was gather_rows_f32 of ct_embedding`;

/** A compiler that makes libraries for this machine where it is asked for macOS's. */
async function macCompiler(folder: string, objects: readonly string[]): Promise<string> {
  const { command } = await findCompiler();
  const path = `${folder}/mac-c++`;
  const script = `#!/bin/sh
case "$1" in
  -dumpmachine) echo ${Deno.build.arch}-apple-darwin; exit ;;
esac
for word; do
  shift
  case "$word" in
    -dynamiclib) set -- "$@" -shared -Wl,-z,defs ${objects.join(" ")} -lstdc++ ;;
    -install_name | -framework) dropped=yes ;;
    -lobjc) ;;
    *) [ "$dropped" ] && dropped= || set -- "$@" "$word" ;;
  esac
done
exec ${command} "$@"
`;
  await Deno.writeTextFile(path, script, { mode: 0o755 });
  return path;
}

/** A project like this one, whose library for Metal has what stands in for it. */
async function makeProject(standIns: StandIns): Promise<string> {
  const root = await standIns.makeFolder();
  const objects = await standIns.compile([METAL, ...KERNEL_SOURCES.slice(0, -1)]);
  const compiler = await macCompiler(root, objects);
  const output = `${root}/mac`;
  const args = ["kernels/build.ts", "--backend", "metal", "--compiler", compiler];
  await succeed([...args, "--output", output], {});
  await Promise.all(PARTS.map((part) => Deno.symlink(ROOT + part, `${root}/${part}`)));
  await Deno.mkdir(`${root}/build`);
  await Deno.symlink(`${ROOT}build/libcontrail_cpu.so`, `${root}/build/libcontrail_cpu.so`);
  await Deno.rename(`${output}/libcontrail_metal.dylib`, `${root}/build/libcontrail_metal.so`);
  return root;
}

/** The checks, the longest last. */
export async function metalChecks(standIns: StandIns): Promise<HostCheck[]> {
  const root = await makeProject(standIns);
  return [
    {
      name: "weights that another device has packed are mapped",
      run: async () => {
        await succeed([MAPPED_WEIGHTS, "metal"], { root });
      },
    },
    {
      name: "a file that is larger than a buffer may be has several",
      run: async () => {
        const env = { STAND_IN_MOST_BYTES: `${2 ** 21}` };
        await succeed(["tests/gpu_stand_in/large_file.ts"], { root, env });
      },
    },
    {
      name: "errors name the kernel, or the bytes that were asked for",
      run: async () => {
        expectSame(await failures("metal", { root }), FAILURES);
      },
    },
    {
      name: "operators and models give what they give on the emulator",
      run: async () => {
        const said = await succeed(RUN_CHECKS, { root });
        expectMatch(said, CHECKS_PASSED);
      },
    },
  ];
}
