import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "../ffi/buffer.ts";
import { Device } from "../ffi/device.ts";
import { NativeFile } from "../ffi/file.ts";
import { NativeOps } from "../ffi/ops.ts";
import { NativeTensor } from "../ffi/tensor.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { parseConfig } from "../src/config.ts";
import { loadWeights } from "../src/engine/load_weights.ts";
import type { EngineOptions, ModelSource } from "../src/protocol.ts";
import type { ElementType } from "../src/ops.ts";
import { OPERANDS, type OperatorName, snakeCase } from "./cases/case.ts";
import { openFiles } from "./checkpoints.ts";
import { contrailWith } from "./cli.ts";
import { FABLE, GREEDY_IDS, loadFable, PROMPT_IDS } from "./fable.ts";
import { validCall } from "./operator_checks/valid_calls.ts";
import { call, FramedTensors, inputsOf, resultsOf } from "./run_case.ts";
import { Folder } from "./stores.ts";

const CONFIG = parseConfig(readJson(`${FABLE}/config.json`), "config.json");
const HEADER_AT = 48;

/** Loads weights on a device of their own. Returns the file that they were mapped from. */
function load(
  source: ModelSource,
  cache: string | true,
  weights: EngineOptions["weights"] = "q8",
  config = CONFIG,
): string | undefined {
  using device = Device.open({ threads: 2 });
  const ops = new NativeOps(device);
  const loaded = loadWeights(ops, config, source, { weights, cache });
  loaded.weights[Symbol.dispose]();
  assertEquals(ops.bytes, 0);
  return loaded.file;
}

/** A folder with a copy of the small model. */
function modelFolder(): { folder: Folder; source: ModelSource & { kind: "checkpoint" } } {
  const folder = new Folder();
  for (const name of ["config.json", "model.safetensors"]) {
    Deno.copyFileSync(`${FABLE}/${name}`, `${folder.path}/${name}`);
  }
  return { folder, source: { kind: "checkpoint", folder: folder.path } };
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

for (const weights of ["auto", "f32", "bf16", "q8", "q4"] as const) {
  Deno.test(`Runtime.load() gives the same logits when ${weights} weights are mapped`, async () => {
    await using folder = new Folder();
    const logits: (Float32Array | undefined)[] = [];
    const files: (string | undefined)[] = [];
    for (const cache of [false, folder.path, folder.path]) {
      await using runtime = await loadFable({ weights, cache, sessions: 1 });
      await using session = await runtime.session();
      logits.push(await session.append(PROMPT_IDS, { logits: "all" }));
      files.push(runtime.weightsFile);
    }
    assertEquals(logits[1], logits[0]);
    assertEquals(logits[2], logits[0]);
    const [name] = names(folder.path);
    assertEquals(files, [undefined, undefined, `${folder.path}/${name}`]);
    assertEquals(names(folder.path).length, 1);
  });
}

Deno.test("loadWeights() keeps a file for each type of weights beside the model", async () => {
  const { folder, source } = modelFolder();
  await using _ = folder;
  const before = openFiles();
  for (const weights of ["q8", "q4"] as const) {
    const path = `${folder.path}/contrail-${weights}.weights`;
    assertEquals(load(source, true, weights), undefined);
    assertEquals(load(source, true, weights), path);
  }
  assertEquals(openFiles(), before);
  assertEquals(names(folder.path).filter((name) => name.includes("contrail")), [
    "contrail-q4.weights",
    "contrail-q8.weights",
  ]);
});

Deno.test("loadWeights() keeps random weights of a shape and seed in a folder", async () => {
  await using folder = new Folder();
  const random = { kind: "random", seed: 3 } as const;
  assertEquals(load(random, folder.path), undefined);
  assert(load(random, folder.path));
  assertEquals(load({ kind: "random", seed: 4 }, folder.path), undefined);
  assertThrows(() => load(random, true), TypeError, "random weights are in no folder");
});

Deno.test("loadWeights() writes the file anew when the model has changed", async () => {
  const { folder, source } = modelFolder();
  await using _ = folder;
  const weights = `${folder.path}/model.safetensors`;
  load(source, true);
  const path = load(source, true);
  Deno.utimeSync(weights, new Date(), new Date(2001, 1, 1));
  assertEquals([load(source, true), load(source, true)], [undefined, path]);
  const other = { ...CONFIG, normEpsilon: 2 * CONFIG.normEpsilon };
  const reload = () => load(source, true, "q8", other);
  assertEquals([reload(), reload()], [undefined, path]);
});

Deno.test("loadWeights() writes the file anew when it is damaged or cut off anywhere", async () => {
  const { folder, source } = modelFolder();
  await using _ = folder;
  load(source, true);
  const path = load(source, true)!;
  const whole = Deno.readFileSync(path);
  const flipped = (place: number) => whole.with(place, whole[place]! ^ 1);
  const damaged = [
    flipped(9), // the header's length
    flipped(20), // its digest
    flipped(HEADER_AT + 30),
    flipped(whole.length >> 1),
    flipped(whole.length - 1),
    whole.subarray(0, whole.length - 1),
    whole.subarray(0, whole.length >> 1),
    whole.subarray(0, HEADER_AT + 30),
    whole.subarray(0, 20),
    whole.subarray(0, 0),
  ];
  for (const [index, bytes] of damaged.entries()) {
    Deno.writeFileSync(path, bytes);
    assertEquals([load(source, true), load(source, true)], [undefined, path], `${index}`);
    assertEquals(Deno.readFileSync(path), whole, `${index}`);
  }
  assertEquals(names(folder.path).length, 3);
});

Deno.test("loadWeights() refuses a file that is none of its own", async () => {
  const { folder, source } = modelFolder();
  await using _ = folder;
  const path = `${folder.path}/contrail-q8.weights`;
  Deno.writeTextFileSync(path, "somebody's own, and long enough to have a header ".repeat(4));
  assertThrows(() => load(source, true), Error, `${path}: it is no file of packed weights; move`);
  Deno.removeSync(path);
  Deno.mkdirSync(path);
  assertThrows(() => load(source, true), Error, `Cannot read ${path}: it is not a file`);
});

Deno.test("loadWeights() says where it cannot write, before it converts", async () => {
  const { folder, source } = modelFolder();
  await using _ = folder;
  const path = `${folder.path}/none`;
  const message = `Cannot write the packed weights ${path}/`;
  assertThrows(() => load(source, path), Error, message);
});

Deno.test("NativeMemory is only read, and stays until its last tensor goes", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/numbers`;
  const numbers = Float32Array.of(1, 2, 3, 4);
  Deno.writeFileSync(path, new Uint8Array(numbers.buffer));
  using device = Device.open({ threads: 1 });
  const ops = new NativeOps(device);
  const file = ops.openFile(path);
  const memory = ops.map(file);
  file[Symbol.dispose]();
  assertThrows(() => ops.map(file), Error, "is closed");
  const sum = memory.checksum(0, 16);
  const tensor = memory.tensor("f32", 2, 2, 0);
  assertThrows(() => memory.tensor("f32", 2, 2, 4), Error, "ends at byte 20 but buffer has 16");
  assertThrows(() => memory.checksum(1, 16), Error, "16 bytes from byte 1 are wanted");
  memory[Symbol.dispose]();
  memory[Symbol.dispose]();
  assertThrows(() => memory.checksum(0, 16), Error, "is disposed");
  assertEquals(ops.memoryOf(tensor).checksum(0, 16), sum);
  using out = ops.tensor("f32", 2, 2);
  ops.silu(out, tensor);
  const again = ops.openFile(path);
  const writes: [string, () => void][] = [
    ["tensor", () => ops.write(tensor, numbers)],
    ["tensor", () => ops.zero(tensor)],
    ["tensor", () => ops.load(tensor, { file: again, offset: 0, type: "f32", rowStep: 1 })],
    ["out", () => ops.add(tensor, out, out)],
  ];
  for (const [operand, write] of writes) {
    assertThrows(write, Error, `: ${operand} is in a mapped file, which is only read; pass`);
  }
  again[Symbol.dispose]();
  out[Symbol.dispose]();
  const read = new Float32Array(4);
  ops.read(tensor, read);
  assertEquals(read, numbers);
  assertEquals(ops.bytes, 16);
  tensor[Symbol.dispose]();
  assertEquals(ops.bytes, 0);
});

Deno.test("every operator refuses to write to what is in a mapped file", async () => {
  await using folder = new Folder();
  const path = `${folder.path}/zeros`;
  Deno.writeFileSync(path, new Uint8Array(2 ** 16));
  using device = Device.open({ threads: 1 });
  const ops = new NativeOps(device);
  using file = ops.openFile(path);
  const memory = Buffer.map(device, NativeFile.handleOf(file), file.bytes);
  memory.retain();
  for (const operator of Object.keys(OPERANDS) as OperatorName[]) {
    const test = validCall(operator);
    using framed = new FramedTensors(ops, test, inputsOf(test), "dense");
    for (const [name, { type, rows, columns }] of resultsOf(test)) {
      const view = { type: type as ElementType, offset: 0, rows, columns, stride: columns };
      using mapped = NativeTensor.at(memory, view);
      const tensors = new Map(framed.tensors).set(name, mapped);
      const message = `${snakeCase(operator)}: ${snakeCase(name)} is in a mapped file`;
      assertThrows(() => call(ops, test, tensors), Error, message);
    }
  }
  memory.release();
  assertEquals(ops.bytes, 0);
});

Deno.test("WeightMemory.checksum() tells bytes apart wherever they differ", () => {
  using device = Device.open({ threads: 3 });
  using single = Device.open({ threads: 1 });
  const bytes = 3 * 2 ** 20 + 4;
  const sums = new Set<bigint>();
  for (const place of [undefined, 0, 7, 2 ** 18 - 1, 2 ** 18, 3 * 2 ** 18 - 1, 3 * 2 ** 18]) {
    const data = new Float32Array(bytes / 4);
    if (place !== undefined) data[place] = -0;
    const [sum, alone] = [device, single].map((device) => {
      const ops = new NativeOps(device);
      using tensor = ops.tensor("f32", 1, data.length);
      ops.write(tensor, data);
      return ops.memoryOf(tensor).checksum(0, bytes);
    });
    assertEquals(sum, alone);
    sums.add(sum!);
  }
  assertEquals(sums.size, 7);
});

Deno.test("--cache-in maps what an earlier run kept; --cache says what it may not", async () => {
  await using folder = new Folder();
  const permissions = [`--allow-read=${folder.path}`, `--allow-write=${folder.path}`];
  const args = ["--weights", "q8", "--cache-in", folder.path, "--json"];
  const files = [];
  for (let run = 0; run < 2; run++) {
    const { stdout, stderr } = await contrailWith(permissions, ["info", ...args]);
    assertEquals(stderr, "");
    files.push(JSON.parse(stdout).weight_file);
  }
  assertEquals(files, [null, `${folder.path}/${names(folder.path)[0]}`]);
  const generate = ["generate", "--weights", "f32", "--cache-in", folder.path, "--max-tokens", "8"];
  const ids = ["--temperature", "0", "--json", "--token-ids", PROMPT_IDS.join()];
  for (let run = 0; run < 2; run++) {
    const { stdout } = await contrailWith(permissions, [...generate, ...ids]);
    assertEquals(JSON.parse(stdout).token_ids, GREEDY_IDS);
  }
  const { code, stderr } = await contrailWith([], ["info", "--weights", "q4", "--cache"]);
  assertEquals(code, 1);
  assert(stderr.includes("Cannot write the packed weights"), stderr);
});
