import { assert, assertEquals } from "@std/assert";
import { Checkpoint } from "../src/checkpoint/checkpoint.ts";
import { parseConfig } from "../src/config.ts";
import { tensorShapes } from "../src/model/tensor_shapes.ts";
import type { Ops } from "../src/ops.ts";
import { Runtime } from "../src/runtime.ts";
import { Random } from "./cases/random.ts";
import { json, SMALL_QWEN, SMALL_QWEN3, withFolder, zeros } from "./checkpoints.ts";
import { relativeError } from "./golden.ts";
import { ModelRunner } from "./model_runner.ts";
import { Targets } from "./native.ts";
import { tensorBytes } from "./packed_checkpoint.ts";
import { fromFile, toBf16 } from "./reference/numbers.ts";
import { qwenLogits } from "./reference/qwen.ts";
import { ReferenceOps } from "./reference_ops.ts";

// An epsilon that matters beside the queries and keys, and heads that are wider than their part of
// the hidden size, which is 4.
const QWEN3 = { ...SMALL_QWEN3, rms_norm_eps: 0.05, head_dim: 10 };
const MODELS = {
  "qwen3": QWEN3,
  "qwen3 with a head of its own": { ...QWEN3, tie_word_embeddings: false },
  "qwen3 with the head size of qwen2": { ...SMALL_QWEN3, head_dim: 4 },
  "qwen2": { ...SMALL_QWEN, rms_norm_eps: 0.05 },
};
const TOKENS = Int32Array.from({ length: 41 }, (_, i) => (i * i * 7 + 3) % 24);

/** Calls `body` with the folder of a random model of this configuration. */
function withRandomModel(config: Record<string, unknown>, body: (folder: string) => void): void {
  const shapes = [...tensorShapes(parseConfig(config, "config.json"))];
  const file = zeros(shapes);
  const random = new Random(11);
  let offset = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
  for (const [name, shape] of shapes) {
    const size = shape.reduce((product, n) => product * n, 1);
    const [middle, scale] = name.includes("norm") ? [1, 0.8] : [0, shape.length === 2 ? 0.7 : 0.5];
    const values = Array.from({ length: size }, () => middle + scale * (2 * random.next() - 1));
    file.set(new Uint8Array(toBf16(values).buffer), offset);
    offset += 2 * size;
  }
  assertEquals(offset, file.length);
  withFolder(new Map([["config.json", json(config)], ["model.safetensors", file]]), body);
}

/** The logits by the plain formulas. */
function expected(folder: string, config: unknown): number[] {
  const stored = [...Checkpoint.open(folder).tensors.values()];
  const tensors = new Map(stored.map((one) => [one.name, fromFile(tensorBytes(one), "bf16")]));
  return qwenLogits(parseConfig(config, folder), tensors, TOKENS).flatMap((row) => [...row]);
}

for (const [name, config] of Object.entries(MODELS)) {
  Deno.test(`JetNemotron gives the logits of ${name} on any operators`, () => {
    withRandomModel(config, (folder) => {
      const wanted = expected(folder, config);
      using targets = new Targets();
      const native = targets.backends.map(({ name, ops }) => [name, ops, 1e-5] as const);
      // The reference gives its results as f32.
      const all: (readonly [string, Ops, number])[] = [["float64", new ReferenceOps(), 1e-7]];
      for (const [backend, ops, bound] of [...all, ...native]) {
        for (const piece of [TOKENS.length, 1, 16]) {
          using runner = new ModelRunner(ops, folder, { maxRows: TOKENS.length });
          const error = relativeError(runner.feed(0, TOKENS, piece), wanted);
          assert(error < bound, `${backend}, pieces of ${piece}: ${error}`);
        }
      }
    });
  });
}

Deno.test("qwenLogits() depends on the norms of queries and keys", () => {
  withRandomModel(QWEN3, (folder) => {
    const stored = [...Checkpoint.open(folder).tensors.values()];
    const tensors = new Map(stored.map((one) => [one.name, fromFile(tensorBytes(one), "bf16")]));
    const config = parseConfig(QWEN3, folder);
    const last = () => qwenLogits(config, tensors, TOKENS).at(-1)!;
    const before = last();
    for (const norm of ["q_norm", "k_norm"]) {
      const name = `model.layers.1.self_attn.${norm}.weight`;
      const weight = tensors.get(name)!;
      tensors.set(name, weight.map((x) => 1.1 * x));
      assert(relativeError(last(), before) > 1e-3, norm);
      tensors.set(name, weight);
    }
  });
});

Deno.test("Runtime.load() runs a qwen3 model, and snapshots go on in another runtime", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "contrail-" });
  try {
    withRandomModel(QWEN3, (made) => {
      for (const { name } of Deno.readDirSync(made)) {
        Deno.copyFileSync(`${made}/${name}`, `${folder}/${name}`);
      }
    });
    const options = { sessions: 1, cacheType: "f32" } as const;
    await using runtime = await Runtime.load(folder, options);
    assertEquals([runtime.config.modelType, runtime.weightsType], ["qwen3", "bf16"]);
    await using session = await runtime.session();
    const logits = await session.append(TOKENS, { logits: "all" });
    const error = relativeError(logits!, expected(folder, QWEN3));
    assert(error < 1e-5, `${error}`);
    const snapshot = await session.snapshot();
    await using other = await Runtime.load(folder, options);
    await using restored = await other.restore(snapshot);
    assertEquals(await restored.append([5, 6]), await session.append([5, 6]));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
