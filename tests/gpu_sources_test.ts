/**
 * The kernels of GPUs as CUDA and as Metal: they compile. What they compute is the emulator's test.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { runCompiler } from "../kernels/compile.ts";
import { metalCode } from "../kernels/device_code.ts";

const KERNELS = pathOf("../kernels/");
/** The oldest and the newest GPUs that are built for. */
const ARCHITECTURES = ["75", "120"];

const kernels = [...listed(`${KERNELS}gpu/kernel_list.h`)].map((name) => `ct_${name}`).sort();

Deno.test({
  name: `kernels compile as CUDA${await missing("nvcc")}`,
  ignore: await missing("nvcc") !== "",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const object = `${folder}/kernels.fatbin`;
      const targets = ARCHITECTURES.map((name) => `-gencode=arch=compute_${name},code=sm_${name}`);
      await runCompiler("nvcc", [
        "-fatbin",
        "-std=c++17",
        "-fmad=false",
        "-Werror=all-warnings",
        ...targets,
        `-o=${object}`,
        `${KERNELS}cuda/kernels.cu`,
      ]);
      const text = new TextDecoder("latin1").decode(await Deno.readFile(object));
      assertEquals(
        new Set(text.match(/\bct_\w+\b/g)?.filter((name) => kernels.includes(name))).size,
        kernels.length,
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: `kernels have matrix instructions when they are for CUDA${await missing("nvcc")}`,
  ignore: await missing("nvcc") !== "",
  fn: async () => {
    for (const [architecture, integers] of [["75", "m8n8k16"], ["80", "m16n8k32"]] as const) {
      const code = await runCompiler("nvcc", [
        "-ptx",
        "-std=c++17",
        "-fmad=false",
        `-arch=compute_${architecture}`,
        "-o=/dev/stdout",
        `${KERNELS}cuda/kernels.cu`,
      ]);
      const found = new Map(
        Array.from(code.matchAll(/^\.visible \.entry (ct_\w+)\(.*?^}/gms), ([text, name]) => [
          name!,
          new Set(Array.from(text.matchAll(/mma\.sync\.aligned\.(\w+)/g), ([, shape]) => shape)),
        ]),
      );
      const floats = architecture === "75" ? [] : ["m16n8k16"]; // sm_75 has none for bf16
      assertEquals(found.get("ct_linear_packed_tile"), new Set([integers]));
      assertEquals(found.get("ct_linear_bf16"), new Set(floats));
      assertEquals(found.get("ct_linear_tile_bf16"), new Set(floats));
      const halves = architecture === "75" ? "m16n8k8" : "m16n8k16"; // f16 is older
      assertEquals(found.get("ct_delta_pairs"), new Set([halves]));
      assertEquals(found.get("ct_gated_delta_chunks_f32"), new Set([halves]));
    }
  },
});

Deno.test({
  name: `kernels compile as Metal, with a stand-in for its library${await missing("clang++")}`,
  ignore: await missing("clang++") !== "",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      await metalCode(`${KERNELS}metal/kernels.metal`, folder);
      const code = await runCompiler("clang++", [
        "-x",
        "clcpp",
        "-cl-std=clc++2021",
        "-Xclang",
        "-finclude-default-header",
        "-Wall",
        "-Werror",
        "-Wno-unknown-attributes",
        "-Wno-unknown-pragmas",
        "-S",
        "-emit-llvm",
        "-o",
        "-",
        `-I${pathOf("metal_stand_in")}`,
        `${folder}/kernels.metal`,
      ]);
      const defined = code.matchAll(/^define .*spir_kernel .*@(ct_\w+)\(/gm);
      assertEquals(Array.from(defined, ([, name]) => name).sort(), kernels);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("kernels number their buffers in order when Metal binds them by number", () => {
  let found = 0;
  for (const { name } of Deno.readDirSync(`${KERNELS}gpu`)) {
    if (!name.endsWith(".h") || name.startsWith("prelude")) continue;
    const text = Deno.readTextFileSync(`${KERNELS}gpu/${name}`);
    for (const [, kernel, buffers] of text.matchAll(/^ *KERNEL\((\w+), \w+,(.*?)\) \{/gms)) {
      const numbers = Array.from(
        buffers!.matchAll(/BUFFER\((\d+),/g),
        ([, number]) => Number(number),
      );
      assertEquals(numbers, [...numbers.keys()], `${name}: ${kernel}`);
      found++;
    }
  }
  assert(found > 0);
});

function pathOf(relative: string): string {
  return decodeURIComponent(new URL(relative, import.meta.url).pathname);
}

/** The names in the list of kernels. */
function* listed(path: string): Iterable<string> {
  for (const [, name] of Deno.readTextFileSync(path).matchAll(/ X\((\w+)\)/g)) yield name!;
}

/** What to say where there is no such compiler. */
async function missing(compiler: string): Promise<string> {
  try {
    await runCompiler(compiler, ["--version"]);
    return "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return ` (ignored: there is no ${compiler})`;
    throw error;
  }
}
