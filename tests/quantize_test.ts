import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Checkpoint } from "../src/checkpoint/checkpoint.ts";
import { quantize, type QuantizeOptions, type QuantizeReport } from "../src/quantize/quantize.ts";
import { contrail } from "./contrail.ts";
import { FABLE } from "./fable.ts";
import { tensorBytes, unpackMatrix } from "./packed_checkpoint.ts";
import { fromFile } from "./reference/numbers.ts";

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);
const Q_PROJ = "model.layers.0.self_attn.q_proj.weight";

/** Calls `body` with a folder of its own. */
async function withTemp(body: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "contrail-" });
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

function readJson(path: string) {
  return JSON.parse(Deno.readTextFileSync(path));
}

/** All files of a folder by their names. */
function contents(folder: string): Record<string, Uint8Array> {
  return Object.fromEntries(
    names(folder).map((name) => [name, Deno.readFileSync(`${folder}/${name}`)]),
  );
}

/** Bits and columns of a group for a matrix of the small model; `undefined` where it stays. */
type Wanted = (name: string) => readonly [bits: number, group: number] | undefined;

/** Asserts that a quantized folder holds all of the small model's tensors, near enough. */
function assertQuantized(folder: string, wanted: Wanted): void {
  const source = Checkpoint.open(FABLE).tensors;
  const { tensors } = Checkpoint.open(folder);
  let count = 0;
  for (const [name, tensor] of source) {
    const format = wanted(name);
    count += format ? 3 : 1;
    if (!format) {
      assertEquals(tensorBytes(tensors.get(name)!), tensorBytes(tensor), name);
      continue;
    }
    const { values, rows, columns, groups, bits } = unpackMatrix(tensors, name);
    assertEquals([rows, columns], tensor.shape, name);
    assertEquals([bits, columns / groups], format, name);
    const original = fromFile(tensorBytes(tensor), "bf16");
    let [error, energy] = [0, 0];
    for (const [i, value] of original.entries()) {
      error += (value - values[i]!) ** 2;
      energy += value ** 2;
    }
    const relative = Math.sqrt(error / energy);
    assert(relative < (bits === 4 ? 0.12 : 0.008), `${name}: ${relative}`);
  }
  assertEquals(tensors.size, count);
  for (const { dtype, offset } of tensors.values()) {
    assertEquals(offset % ({ I64: 8, I32: 4, F32: 4 }[dtype] ?? 2), 0);
  }
}

/** The matrices of the small model that have 32 columns, or 688, which is no multiple of 32. */
function isKept(name: string): boolean {
  return !/_proj\.weight|\.w[12]\.weight|embed_tokens/.test(name) ||
    /\.[ab]_proj|down_proj/.test(name);
}

Deno.test("quantize() writes 4 bits, and what is sensitive in 8", async () => {
  await withTemp(async (folder) => {
    const out = `${folder}/q4`;
    const seen: string[] = [];
    const report = await quantize(FABLE, out, {
      weights: "q4",
      progress: ({ path, bytes, totalBytes }) => {
        seen.push(path);
        assert(bytes <= totalBytes);
      },
    });
    assertQuantized(out, (name) => {
      if (isKept(name)) return undefined;
      if (/embed_tokens|o_proj|layers\.[36]\.self_attn/.test(name)) return [8, 64];
      return name.includes(".w2.") ? [8, 32] : [4, 32];
    });
    assertEquals([report.quantized, report.kept, report.resumed, report.files], [67, 67, 0, 1]);
    assertEquals(new Set(seen).size, 134);
    assert(report.relativeError > 0.05 && report.relativeError < 0.1);
    const { quantization_config, ...config } = readJson(`${out}/config.json`);
    assertEquals(config, readJson(`${FABLE}/config.json`));
    assertEquals(quantization_config.quant_method, "compressed-tensors");
    assertEquals(quantization_config.format, "pack-quantized");
    const { group_0, group_1, group_2, ...more } = quantization_config.config_groups;
    const { num_bits, type, symmetric, strategy, group_size } = group_0.weights;
    assertEquals([num_bits, type, symmetric, strategy, group_size], [4, "int", true, "group", 32]);
    assertEquals(group_0.targets, ["Linear"]);
    assert(group_1.targets.includes("model.embed_tokens"));
    assert(group_1.targets.includes("model.layers.3.self_attn.q_proj"));
    // The embedding, the outputs of 8 layers, and q, k, v of two.
    assertEquals([group_1.targets.length, group_2.targets.length], [1 + 8 + 2 * 3, 6]);
    assertEquals([group_1.weights.num_bits, group_1.weights.group_size], [8, 64]);
    assertEquals(more, {});
    assertEquals(quantization_config.ignore.length, 2 * 6 + 8);
    assert(quantization_config.ignore.includes("model.layers.0.self_attn.a_proj"));
    assert(quantization_config.ignore.includes("model.layers.3.mlp.down_proj"));
    assertEquals(names(out).includes("expected.json"), false);
    for (const name of ["tokenizer.json", "MODEL_CARD.md", "generation_config.json"]) {
      assertEquals(Deno.readFileSync(`${out}/${name}`), Deno.readFileSync(`${FABLE}/${name}`));
    }
    assertEquals(names(folder), ["q4"]);
  });
});

Deno.test("quantize() writes 8 bits, in smaller groups where the columns ask for it", async () => {
  await withTemp(async (folder) => {
    const out = `${folder}/q8`;
    await quantize(FABLE, out, { weights: "q8" });
    assertQuantized(out, (name) => {
      if (isKept(name)) return undefined;
      return [8, name.includes(".w2.") ? 32 : 64];
    });
    const { config_groups } = readJson(`${out}/config.json`).quantization_config;
    assertEquals(config_groups.group_0.targets, ["Linear", "model.embed_tokens"]);
    assertEquals(config_groups.group_1.targets.length, 6);
    assertEquals(config_groups.group_1.weights.group_size, 32);
  });
});

Deno.test("quantize() distributes tensors over files with an index", async () => {
  await withTemp(async (folder) => {
    await quantize(FABLE, `${folder}/one`, { weights: "q4", group: 64 });
    await quantize(FABLE, `${folder}/more`, { weights: "q4", group: 64, fileBytes: 2e6 });
    const files = names(`${folder}/more`).filter((name) => name.endsWith(".safetensors"));
    assertEquals(files[1], `model-00002-of-0000${files.length}.safetensors`);
    assert(files.length >= 4);
    for (const name of files) assert(Deno.statSync(`${folder}/more/${name}`).size < 2.1e6);
    const one = Checkpoint.open(`${folder}/one`).tensors;
    const more = Checkpoint.open(`${folder}/more`).tensors;
    assertEquals(more.size, one.size);
    for (const [name, tensor] of one) {
      assertEquals(tensorBytes(more.get(name)!), tensorBytes(tensor));
    }
    const { metadata } = readJson(`${folder}/more/model.safetensors.index.json`);
    assertEquals(metadata.total_size, [...one.values()].reduce((sum, { bytes }) => sum + bytes, 0));
  });
});

/** Quantizes in a process of its own and kills it after some tensors. */
async function cutOff(out: string, weights: "q4" | "q8"): Promise<void> {
  const script = `import { quantize } from "./src/quantize/quantize.ts";
    await quantize(...${JSON.stringify([FABLE, out, { weights, syncBytes: 1 }])});`;
  await using process = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    cwd: ROOT,
    stdout: "null",
    stderr: "null",
  }).spawn();
  const journal = () => {
    try {
      return Deno.readTextFileSync(`${out}.partial/journal`).split("\n").length;
    } catch {
      return 0;
    }
  };
  for (let i = 0; i < 30_000 && journal() < 12; i++) await new Promise((r) => setTimeout(r, 1));
  process.kill("SIGKILL");
  await process.status;
}

Deno.test("quantize() goes on where a run was killed, and not where it was another", async () => {
  await withTemp(async (folder) => {
    const out = `${folder}/q8`;
    await quantize(FABLE, `${folder}/whole`, { weights: "q8" });
    await cutOff(out, "q8");
    assertEquals(names(folder), ["q8.partial", "whole"]);
    // A line that was cut does not count.
    Deno.writeTextFileSync(`${out}.partial/journal`, '{"tensor": "model.la', { append: true });
    const report = await quantize(FABLE, out, { weights: "q8" });
    assert(report.resumed >= 10 && report.resumed < 134, `${report.resumed}`);
    assertEquals(contents(out), contents(`${folder}/whole`));
    Deno.removeSync(out, { recursive: true });
    await cutOff(out, "q4");
    assertEquals((await quantize(FABLE, out, { weights: "q8" })).resumed, 0);
    assertEquals(contents(out), contents(`${folder}/whole`));
    assertEquals(names(folder), ["q8", "whole"]);
  });
});

/** A copy of the small model with one change. */
function copyModel(folder: string, change: (copy: string) => void): string {
  const copy = `${folder}/model`;
  Deno.mkdirSync(copy);
  for (const name of ["config.json", "model.safetensors"]) {
    Deno.copyFileSync(`${FABLE}/${name}`, `${copy}/${name}`);
    Deno.chmodSync(`${copy}/${name}`, 0o644);
  }
  change(copy);
  return copy;
}

Deno.test("quantize() leaves no result when it fails, and keeps what was done", async () => {
  await withTemp(async (folder) => {
    const { offset } = Checkpoint.open(FABLE).tensors.get(Q_PROJ)!;
    const model = copyModel(folder, (copy) => {
      using file = Deno.openSync(`${copy}/model.safetensors`, { write: true });
      file.seekSync(offset + 2 * 300, Deno.SeekMode.Start);
      file.writeSync(Uint8Array.of(0xc0, 0x7f));
    });
    const attempt = () => quantize(model, `${folder}/out`, { weights: "q4" });
    const error = await assertRejects(attempt, Error, "not finite");
    assertStringIncludes(error.message, Q_PROJ);
    assertEquals(names(folder), ["model", "out.partial"]);
  });
});

/** Asserts that quantizing is refused with one sentence, and writes nothing more. */
async function assertRefused(
  work: () => Promise<QuantizeReport>,
  folder: string,
  ...words: string[]
): Promise<void> {
  const before = names(folder);
  const error = await assertRejects(work, Error);
  for (const word of words) assertStringIncludes(error.message, word);
  assertEquals(error.message.includes("\n"), false);
  assertEquals(names(folder), before);
}

Deno.test("quantize() refuses what it cannot read and where it cannot write", async () => {
  await withTemp(async (folder) => {
    const options: QuantizeOptions = { weights: "q8" };
    const done = `${folder}/done`;
    await quantize(FABLE, done, options);
    await assertRefused(() => quantize(FABLE, done, options), folder, "exists", done);
    await assertRefused(() => quantize(done, `${folder}/x`, options), folder, "quantized already");
    await assertRefused(() => quantize(`${folder}/no`, `${folder}/x`, options), folder, "no such");
    await assertRefused(() => quantize(FABLE, `${folder}/no/x`, options), folder, "No such file");
    const calibrated = { ...options, calibrate: `${folder}/no` };
    const read = `Cannot read ${folder}/no`;
    await assertRefused(() => quantize(FABLE, `${folder}/x`, calibrated), folder, read);
    Deno.mkdirSync(`${folder}/y.partial`);
    await assertRefused(() => quantize(FABLE, `${folder}/y`, options), folder, "in the way");
    Deno.mkdirSync(`${folder}/z.partial`);
    using journal = Deno.createSync(`${folder}/z.partial/journal`);
    journal.lockSync(true);
    await assertRefused(() => quantize(FABLE, `${folder}/z`, options), folder, "another run");
  });
});

Deno.test("contrail quantize tells what it did, and wrong usage with status 2", async () => {
  await withTemp(async (folder) => {
    const base = ["quantize", FABLE, `${folder}/q4`];
    const { code, stdout, stderr } = await contrail([...base, "--weights", "q4", "--json"]);
    assertEquals([code, stderr], [0, ""]);
    const facts = JSON.parse(stdout);
    assertEquals([facts.weights, facts.group, facts.quantized_tensors], ["q4", 32, 67]);
    assert(facts.bytes < facts.source_bytes / 2);
    const wrong: [args: string[], words: string, status: number][] = [
      [base, "--weights is missing", 2],
      [[...base, "--weights", "q5"], "q4, q8", 2],
      [[...base, "--weights", "q4", "--group", "48"], "32, 64", 2],
      [[...base, "more", "--weights", "q4"], '"more"', 2],
      [["quantize", FABLE, "--weights", "q4"], "folder is missing", 2],
      [[...base, "--weights", "q4"], "it exists", 1],
    ];
    for (const [args, words, status] of wrong) {
      const result = await contrail(args);
      assertEquals([result.code, result.stdout], [status, ""]);
      assertStringIncludes(result.stderr, words);
    }
  });
});
