/**
 * What `deno task bench:gpu` measures, on the emulator and small shapes: that each line is there,
 * and that what it says of them adds up. How fast anything is, only a GPU can tell.
 *
 * @module
 */
import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { measureGpu } from "../bench/gpu.ts";
import { SMALL_QWEN } from "./checkpoints.ts";
import { Folder } from "./stores.ts";

const TINY = decodeURIComponent(new URL("golden/tiny-2b/config.json", import.meta.url).pathname);
const NUMBER = String.raw`\d+\.\d+`;
const COPIES = `${NUMBER} GB/s, ${NUMBER} % of copies`;

/** What each line says behind its name. */
const LINES: Readonly<Record<string, string>> = {
  "emulator": String.raw`emulator, \d{4}-\d\d-\d\d`,
  "copies": `${NUMBER} GB/s read and written`,
  "fastest product in bf16": `${NUMBER} GFLOP/s`,
  "fastest product in 8 bits": `${NUMBER} GOP/s`,
  "launches": `${NUMBER} µs each`,
  "linear bf16 [320, 64] × 1": COPIES,
  "linear q8 [320, 64] × 1": COPIES,
  "linear q4 [320, 64] × 1": COPIES,
  ...Object.fromEntries(
    ["bf16", "q8", "q4"].flatMap((type) => [
      [`decode ${type}`, `${NUMBER} tokens/s, ${COPIES}`],
      [
        `prompt of 4 ${type}`,
        `${NUMBER} tokens/s, ${NUMBER} GFLOP/s in matrices, ${NUMBER} % of the fastest product ` +
        `in ${type === "bf16" ? "bf16" : "8 bits"}`,
      ],
      [`replay ${type}`, `\\d{2,} empty kernels in ${NUMBER} µs, ${NUMBER} % of a step`],
    ]),
  ),
  "sessions in 3.0 MB": `[1-9]\\d* of 40 tokens, together ${NUMBER} tokens/s, ${COPIES}`,
  "full attention in 3.0 MB": `[1-9]\\d* of 40 tokens, together ${NUMBER} tokens/s, ${COPIES}`,
  "ratio in 3.0 MB": `${NUMBER} times`,
  "sessions in all memory": "the device does not tell how much it has",
  "full attention in all memory": "the device does not tell how much it has",
};

Deno.test("deno task bench:gpu prints what it says when the device is the emulator", async () => {
  await using folder = new Folder();
  const fullConfig = `${folder.path}/config.json`;
  Deno.writeTextFileSync(fullConfig, JSON.stringify(SMALL_QWEN));
  const sizes = { prompt: 4, generate: 2, repetitions: 1, depth: 40, memory: 3e6 };
  const printed: [string, string][] = [];
  await measureGpu(
    { backend: "emulator", config: TINY, fullConfig, ...sizes },
    (line) => printed.push([line.slice(0, 40).trimEnd(), line.slice(41)]),
  );
  assertEquals(printed.map(([name]) => name), Object.keys(LINES));
  for (const [name, said] of printed) assertMatch(said, new RegExp(`^${LINES[name]}$`), name);
  const said = Object.fromEntries(printed);
  for (const type of ["bf16", "q8", "q4"]) {
    const [, microseconds, share] = said[`replay ${type}`]!.match(/in (.*) µs, (.*) %/)!.map(
      Number,
    );
    const rate = parseFloat(said[`decode ${type}`]!);
    assertAlmostEquals(share!, microseconds! * rate / 1e4, 0.1 + 0.01 * share!);
  }
});
