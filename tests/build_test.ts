/**
 * The build, on a copy of the sources, with a compiler that is a script: what is built is not
 * looked at here, all other tests run on it.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../", import.meta.url);
const IS_MAC = Deno.build.os === "darwin";
const SUFFIX = IS_MAC ? "dylib" : "so";
const NAMES = [`libcontrail_cpu.${SUFFIX}`, `libcontrail_emulator.${SUFFIX}`] as const;
const LIBRARY = `build/${NAMES[0]}`;
const EMULATOR = `build/${NAMES[1]}`;
/** What the build says of each library. */
const BUILDS_CPU = `Building ${LIBRARY} with c++ 99.1 (avx512vnni avx512 avx2 plain)`;
const BUILDS_EMULATOR = `Building ${EMULATOR} with c++ 99.1`;
const BUILDS_METAL = IS_MAC ? ["Building build/libcontrail_metal.dylib with c++ 99.1"] : [];
const LEFT_OUT = IS_MAC ? ["Left out the library for cuda: macOS has no CUDA"] : [
  "Left out the library for cuda: there is no nvcc, which the CUDA toolkit has",
  "Left out the library for metal: this is not macOS",
];
const MACHINE = IS_MAC ? "x86_64-apple-darwin" : "x86_64-linux-gnu";

/** How a compiler behaves. */
interface CompilerOptions {
  /** What it says it compiles for. */
  readonly machine?: string;
  /** Shell commands before it writes what it was asked for. */
  readonly before?: string;
  /** Shell commands that print what it writes. */
  readonly output?: string;
}

/** A project with copied sources and an empty search path. */
class Project implements Disposable {
  readonly folder: string = Deno.makeTempDirSync();

  constructor() {
    copyFolder(decodeURIComponent(new URL("kernels", ROOT).pathname), `${this.folder}/kernels`);
    Deno.mkdirSync(`${this.folder}/bin`);
  }

  /** Puts a compiler on the search path. */
  addCompiler(options: CompilerOptions = {}): void {
    const { machine = MACHINE, before = "", output = "echo whole" } = options;
    const script = `#!/bin/sh
PATH=/usr/bin:/bin
case "$1" in
  -dumpmachine) echo ${machine}; exit ;;
  -dumpfullversion) echo 99.1.2; exit ;;
esac
${before}
while [ "$1" != -o ]; do shift; done
{ ${output}; } > "$2"
`;
    Deno.writeTextFileSync(`${this.folder}/bin/c++`, script, { mode: 0o755 });
  }

  /** Puts an nvcc there that knows these GPUs, and keeps which it was asked to compile for. */
  addNvcc(targets: string): void {
    const script = `#!/bin/sh
case "$1" in
  --version) exit ;;
  --list-gpu-code) echo ${targets}; exit ;;
esac
for word; do
  case "$word" in
    -o=*) echo code > "\${word#-o=}" ;;
    -gencode=*) printf "%s%s" "$separator" "\${word#-gencode=}" >> asked; separator=" " ;;
  esac
done
`;
    Deno.writeTextFileSync(`${this.folder}/bin/nvcc`, script, { mode: 0o755 });
  }

  start(...args: readonly string[]): Deno.ChildProcess {
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", "kernels/build.ts", ...args],
      cwd: this.folder,
      env: { PATH: `${this.folder}/bin`, NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  async build(...args: readonly string[]): Promise<{ code: number; said: string }> {
    const { code, stdout, stderr } = await this.start(...args).output();
    assertEquals(stdout.length, 0);
    return { code, said: new TextDecoder().decode(stderr).trimEnd() };
  }

  read(path: string): string | undefined {
    try {
      return Deno.readTextFileSync(`${this.folder}/${path}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to);
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(`${from}/${name}`, `${to}/${name}`);
    else Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}

Deno.test("build.ts names the package to install when there is no compiler", async () => {
  using project = new Project();
  for (const args of [[], ["--compiler", "some-g++"]]) {
    const { code, said } = await project.build(...args);
    assertEquals([code, said.split("\n").length], [1, 1], said);
    const missing = args.length ? "there is no some-g++" : "no C++ compiler was found";
    assertStringIncludes(said, `${missing}; install g++ (Debian, Ubuntu: apt install g++;`);
    assertEquals(project.read(LIBRARY), undefined);
  }
});

Deno.test("build.ts builds a library when it is missing or older than a source of it", async () => {
  using project = new Project();
  project.addCompiler();
  const gpu = [BUILDS_EMULATOR, ...BUILDS_METAL];
  const all = [BUILDS_CPU, ...gpu];
  const expectBuilt = async (lines: readonly string[], of: string) =>
    assertEquals(
      await project.build(),
      { code: 0, said: lines.concat(lines.length ? LEFT_OUT : []).join("\n") },
      of,
    );
  await expectBuilt(all, "nothing");
  assertEquals([project.read(LIBRARY), project.read(EMULATOR)], ["whole\n", "whole\n"]);
  await expectBuilt([], "all");
  const old = new Date(Date.now() - 60_000);
  const sources: [string, string[]][] = [
    ["include/contrail.h", all],
    ["common/status.cc", all],
    ["build.ts", all],
    ["cpu/convert.cc", all],
    ["gpu/host/launch.h", gpu],
    ["gpu/numbers.h", gpu],
    ["emulator/block.cc", [BUILDS_EMULATOR]],
  ];
  for (const [source, lines] of sources) {
    const path = `${project.folder}/kernels/${source}`;
    const later = new Date(Date.now() + 5000);
    Deno.utimeSync(path, later, later);
    await expectBuilt(lines, source);
    Deno.utimeSync(path, old, old);
    await expectBuilt([], source);
  }
  Deno.removeSync(`${project.folder}/${EMULATOR}`);
  await expectBuilt([BUILDS_EMULATOR], "the CPU's");
});

Deno.test("build.ts builds one library, always, when a backend is named", async () => {
  using project = new Project();
  project.addCompiler();
  for (const _ of [1, 2]) {
    assertEquals(await project.build("--backend", "emulator"), { code: 0, said: BUILDS_EMULATOR });
    assertEquals(project.read(LIBRARY), undefined);
  }
});

Deno.test({
  name: "build.ts embeds the kernels for GPUs when nvcc compiles for them",
  ignore: IS_MAC,
  fn: async () => {
    using project = new Project();
    project.addCompiler();
    const { code, said } = await project.build("--backend", "cuda");
    assertEquals([code, said], [
      1,
      "Cannot build for cuda: there is no nvcc, which the CUDA toolkit has",
    ]);
    project.addNvcc("sm_75 sm_90 sm_999");
    assertEquals(await project.build("--backend", "cuda"), {
      code: 0,
      said: "Building build/libcontrail_cuda.so with c++ 99.1 (sm_75 sm_90)",
    });
    assertEquals(project.read("build/libcontrail_cuda.so"), "whole\n");
    assertEquals(
      project.read("asked"),
      "arch=compute_75,code=sm_75 arch=compute_90,code=sm_90 " +
        "arch=compute_75,code=compute_75 arch=compute_90,code=compute_90",
    );
  },
});

Deno.test("build.ts builds again when a source changed while it was compiled", async () => {
  using project = new Project();
  project.addCompiler({ before: `touch ${project.folder}/kernels/cpu/linear.cc` });
  await project.build();
  project.addCompiler();
  assertStringIncludes((await project.build()).said, BUILDS_CPU);
  assertEquals((await project.build()).said, "");
});

Deno.test("build.ts leaves the library as it was when the compiler fails", async () => {
  using project = new Project();
  const failing = 'case "$*" in *status.cc*) echo "a fault in it" >&2; exit 3 ;; esac';
  for (const before of [undefined, "before"]) {
    if (before) Deno.writeTextFileSync(`${project.folder}/${LIBRARY}`, before);
    project.addCompiler({ before: failing });
    const { code, said } = await project.build("--compiler", `${project.folder}/bin/c++`);
    assertEquals(code, 1);
    assertStringIncludes(said, "c++ failed with status 3; read what it says:\na fault in it");
    assertEquals(project.read(LIBRARY), before);
    const left = [...Deno.readDirSync(`${project.folder}/build`)].map(({ name }) => name);
    assertEquals(left, before ? [NAMES[0]] : []);
  }
});

Deno.test("build.ts shows the library whole or not at all when it is slow to write", async () => {
  using project = new Project();
  project.addCompiler({ output: "printf half; sleep 0.05; printf whole" });
  await using process = project.start();
  let running = true;
  process.status.then(() => running = false);
  const seen = new Set<string | undefined>();
  while (running) {
    seen.add(project.read(LIBRARY));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  seen.add(project.read(LIBRARY));
  assertEquals(seen, new Set([undefined, "halfwhole"]));
  const { code } = await process.output();
  assertEquals(code, 0);
});

Deno.test("build.ts builds for another machine when the compiler does", async () => {
  using project = new Project();
  const machines = {
    "aarch64-linux-gnu": ["libcontrail_cpu.so", "neon"],
    "arm64-apple-darwin": ["libcontrail_cpu.dylib", "neon"],
    "x86_64-apple-darwin": ["libcontrail_cpu.dylib", "avx512vnni avx512 avx2 plain"],
  };
  for (const [machine, [library, sets]] of Object.entries(machines)) {
    project.addCompiler({ machine });
    const { code, said } = await project.build("--backend", "cpu", "--output", machine);
    assertEquals([code, said], [0, `Building ${machine}/${library} with c++ 99.1 (${sets})`]);
    assertEquals(project.read(`${machine}/${library}`), "whole\n");
  }
  for (const machine of ["riscv64-linux-gnu", "x86_64-w64-mingw32"]) {
    project.addCompiler({ machine });
    const { code, said } = await project.build("--output", "none");
    assertEquals(code, 1);
    assertStringIncludes(said, `because c++ compiles for ${machine}; use a compiler for Linux`);
  }
});

Deno.test("build.ts says what it takes when an argument is wrong", async () => {
  using project = new Project();
  project.addCompiler();
  for (const args of [["--fast"], ["--output"], ["out"], ["--backend", "tpu"]]) {
    const { code, said } = await project.build(...args);
    assertEquals(code, 1);
    assert(
      said.includes(`Cannot build with "${args[0]}"; pass --backend cpu, emulator, cuda, metal, `),
      said,
    );
  }
});
