import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
import { Checkpoint } from "../src/checkpoint/checkpoint.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { parseConfig } from "../src/config.ts";
import { calibrate } from "../src/quantize/calibrate.ts";
import { tracingOps } from "../src/quantize/tracing_ops.ts";
import { Tokenizer } from "../src/tokenizer.ts";
import { FABLE } from "./fable.ts";
import { tensorBytes } from "./packed_checkpoint.ts";
import { fromFile } from "./reference/numbers.ts";

const CONFIG = parseConfig(readJson(`${FABLE}/config.json`), "config.json");
const TEXT = "Once upon a time there lived a king, and the king had a daughter. ".repeat(4);

/** Mean square of the normed embeddings of the text, which layer 0 reads, by plain loops. */
async function firstInputs(): Promise<Float64Array> {
  const { tensors } = Checkpoint.open(FABLE);
  const values = (name: string) => fromFile(tensorBytes(tensors.get(name)!), "bf16");
  const embedding = values("model.embed_tokens.weight");
  const norm = values("model.layers.0.input_layernorm.weight");
  const ids = (await Tokenizer.load(FABLE))!.encode(TEXT);
  const columns = CONFIG.hiddenSize;
  const means = new Float64Array(columns);
  for (const id of ids) {
    const row = embedding.subarray(id * columns, (id + 1) * columns);
    const square = row.reduce((sum, x) => sum + x * x, 0) / columns + CONFIG.normEpsilon;
    for (let c = 0; c < columns; c++) {
      means[c]! += (row[c]! * norm[c]!) ** 2 / square / ids.length;
    }
  }
  return means;
}

Deno.test("calibrate() gives damped mean squares of what each matrix reads", async () => {
  const shares: number[] = [];
  const { tokens, importance } = await calibrate(FABLE, CONFIG, TEXT, (done) => shares.push(done));
  assertEquals(tokens, (await Tokenizer.load(FABLE))!.encode(TEXT).length);
  assertEquals(shares.at(-1), 1);
  const wanted = await firstInputs();
  const mean = wanted.reduce((sum, value) => sum + value, 0) / wanted.length;
  const layer = "model.layers.0.self_attn";
  for (const name of ["q_proj", "g_proj", "dynamic_conv1d.kernel_generator.w1"]) {
    const found = importance.get(`${layer}.${name}.weight`)!;
    for (const [c, value] of wanted.entries()) {
      assertAlmostEquals(found[c]! / (value + 0.01 * mean), 1, 1e-4);
    }
  }
  // Every matrix but those of the gates has a number for each column.
  const matrices = [...Checkpoint.open(FABLE).tensors].filter(([, { shape }]) =>
    shape.length === 2
  );
  for (const [name, { shape }] of matrices) {
    const isGate = /\.[ab]_proj/.test(name);
    assertEquals(importance.get(name)?.length, isGate ? undefined : shape[1], name);
  }
});

Deno.test("calibrate() refuses an empty text and a model without a tokenizer", async () => {
  await assertRejects(() => calibrate(FABLE, CONFIG, "", () => {}), Error, "empty text");
  const folder = Deno.makeTempDirSync({ prefix: "contrail-" });
  try {
    await assertRejects(() => calibrate(folder, CONFIG, TEXT, () => {}), Error, "no tokenizer");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("tracingOps() calls the trace of an operator, then the operator", () => {
  using device = Device.open({ threads: 1 });
  const native = new NativeOps(device);
  const read = (tensor: Parameters<NativeOps["read"]>[0]) => {
    const values = new Float32Array(4);
    native.read(tensor, values);
    return [...values];
  };
  const traced: number[][] = [];
  const ops = tracingOps(native, { add: (_out, x, y) => traced.push([...read(x), ...read(y)]) });
  using x = ops.tensor("f32", 1, 4);
  ops.write(x, Float32Array.of(1, 2, 3, 4));
  ops.add(x, x, x);
  assertEquals(traced, [[1, 2, 3, 4, 1, 2, 3, 4]]);
  assertEquals(read(x), [2, 4, 6, 8]);
});
