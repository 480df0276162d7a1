/**
 * Models with weights of 8 and 4 bits: near to the plain ones, and the same from a checkpoint as
 * when they are rounded at load.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Checkpoint } from "../src/checkpoint/checkpoint.ts";
import { readJson } from "../src/checkpoint/read_json.ts";
import { parseConfig } from "../src/config.ts";
import { isSensitive } from "../src/model/sensitive.ts";
import { matrixType } from "../src/model/weight_types.ts";
import type { RuntimeOptions } from "../src/options.ts";
import { Runtime } from "../src/runtime.ts";
import { json, safetensors, SMALL_CONFIG, withFolder } from "./checkpoints.ts";
import { FABLE } from "./fable.ts";
import { quantizeCheckpoint, type Recipe } from "./quantized_checkpoints.ts";

const TOKENS = Int32Array.from({ length: 40 }, (_, i) => (i * 131 + 7) % 2048);

/** Logits of all tokens on the small model, or on another folder. */
async function logitsOf(options: RuntimeOptions, folder = FABLE): Promise<Float32Array> {
  await using runtime = await Runtime.load(folder, { sessions: 1, ...options });
  await using session = await runtime.session();
  return (await session.append(TOKENS, { logits: "all" }))!;
}

function nmse(wanted: Float32Array, have: Float32Array): number {
  let [error, power] = [0, 0];
  for (const [i, value] of wanted.entries()) {
    error += (have[i]! - value) ** 2;
    power += value ** 2;
  }
  return error / power;
}

Deno.test("Runtime.load() stays near to the checkpoint when weights have 8 or 4 bits", async () => {
  const exact = await logitsOf({ weights: "f32" });
  const errors = {
    q8: nmse(exact, await logitsOf({ weights: "q8" })),
    q4: nmse(exact, await logitsOf({ weights: "q4" })),
  };
  // About three times what was seen.
  assert(errors.q8 < BOUND.q8 && errors.q4 < BOUND.q4, JSON.stringify(errors));
  assert(errors.q8 < errors.q4);
});

const BOUND = { q8: 6e-4, q4: 5e-2 };

const CONFIG = parseConfig(readJson(`${FABLE}/config.json`), "config.json");
const isMatrix = (name: string, shape: readonly number[]) =>
  shape.length === 2 && shape[1]! % 32 === 0 && !/\.(a|b)_proj\./.test(name);
const RECIPES: readonly (readonly ["q8" | "q4", Recipe])[] = [
  ["q8", (name, shape) => isMatrix(name, shape) ? 8 : undefined],
  ["q4", (name, shape) => {
    if (!isMatrix(name, shape)) return undefined;
    return isSensitive(name, CONFIG) ? 8 : 4;
  }],
];

for (const [weights, recipe] of RECIPES) {
  Deno.test(`Runtime.load() gives the same logits when a checkpoint holds ${weights}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "contrail-" });
    try {
      // Only matrices of which 64 columns can share a scale: others are rounded in groups of 32.
      const wide: Recipe = (name, shape) => shape[1]! % 64 === 0 ? recipe(name, shape) : undefined;
      quantizeCheckpoint(FABLE, folder, wide, 64);
      const expected = await logitsOf({ weights });
      assertEquals(await logitsOf({ weights }, folder), expected);
      quantizeCheckpoint(FABLE, folder, recipe, 32);
      const own = await logitsOf({ weights: "auto" }, folder);
      const plain = await logitsOf({ weights: "f32" }, folder);
      assert(nmse(plain, own) < 1e-3, `${nmse(plain, own)}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("matrixType() keeps a plain type when a matrix cannot be packed", () => {
  const plain = { stored: ["bf16", "bf16"], rows: [32, 5], columns: 128 } as const;
  assertEquals(matrixType("q4", plain), { type: "q4", group: 64 });
  assertEquals(matrixType("q8", { ...plain, columns: 96 }), { type: "q8", group: 32 });
  assertEquals(matrixType("q4", { ...plain, columns: 40 }), "bf16");
  assertEquals(matrixType("q4", { ...plain, rows: [24, 8] }), "bf16");
  assertEquals(matrixType("q4", { ...plain, columns: 40, stored: ["bf16", "f32"] }), "f32");
  assertEquals(matrixType("auto", plain), "bf16");
  const stored = { type: "q8", group: 128 } as const;
  assertEquals(matrixType("auto", { ...plain, stored: [stored, stored] }), {
    type: "q8",
    group: 64,
  });
  assertEquals(matrixType("q4", { ...plain, stored: [stored, stored] }), { type: "q8", group: 64 });
  assertEquals(matrixType("f32", { ...plain, stored: [stored, stored] }), "f32");
  assertEquals(matrixType("auto", { ...plain, stored: [stored, "bf16"] }), "bf16");
  const other = { ...stored, type: "q4" } as const;
  assertEquals(matrixType("auto", { ...plain, stored: [stored, other] }), "bf16");
});

Deno.test("parseConfig() refuses quantized weights when they are of another kind", () => {
  const weights = { num_bits: 4, type: "int", symmetric: true, group_size: 64, strategy: "group" };
  const group = { targets: ["Linear"], weights };
  const quantization = {
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    config_groups: { group_0: group },
  };
  const parse = (change: unknown) =>
    parseConfig({ ...SMALL_CONFIG, quantization_config: change }, "config.json");
  parse(quantization);
  const withWeights = (change: unknown) => ({
    ...quantization,
    config_groups: { group_0: { ...group, weights: { ...weights, ...change as object } } },
  });
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ ...quantization, quant_method: "gptq" }, "quantization_config.quant_method is"],
    [{ ...quantization, format: "float-quantized" }, "quantization_config.format is"],
    [{ ...quantization, config_groups: [] }, "config_groups is a list of 0"],
    [withWeights({ num_bits: 3 }), "num_bits is 3; it must be 4 or 8"],
    [withWeights({ group_size: -1 }), "group_size is -1; it must be 32, 64 or 128"],
    [withWeights({ type: "float" }), "type is"],
    [withWeights({ symmetric: false }), "symmetric is false; it must be true"],
    [withWeights({ strategy: "channel" }), "strategy is"],
    [withWeights({ actorder: "group" }), "actorder is"],
    [
      { ...quantization, config_groups: { group_0: { ...group, input_activations: {} } } },
      "input_activations is an object",
    ],
  ];
  for (const [change, part] of wrong) assertThrows(() => parse(change), Error, part);
});

Deno.test("Checkpoint.packed() refuses codes when their parts do not fit together", () => {
  const name = "model.layers.0.mlp.up_proj.weight";
  const shape = [16, 64];
  const part = (suffix: string, dtype: string, size: readonly number[]) => ({
    [name + suffix]: { dtype, shape: size },
  });
  const codes = part("_packed", "I32", [16, 8]);
  const scale = part("_scale", "BF16", [16, 2]);
  const open = (header: Record<string, { dtype: string; shape: readonly number[] }>) => {
    let found: unknown;
    withFolder(folderOf(header), (folder) => {
      found = Checkpoint.open(folder).packed(name, shape);
    });
    return found as { type: string; bits: number; group: number } | undefined;
  };
  assertEquals(open({ ...part("", "BF16", shape) }), undefined);
  const { type, bits, group } = open({ ...codes, ...scale })!;
  assertEquals([type, bits, group], ["q4", 4, 32]);
  assertThrows(() => open(codes), Error, "stands alone, without");
  assertThrows(() => open({ ...part("_packed", "I32", [16, 6]), ...scale }), Error, "4 or 8 bits");
  assertThrows(() => open({ ...part("_packed", "F32", [16, 8]), ...scale }), Error, "is F32");
  assertThrows(() => open({ ...codes, ...part("_scale", "BF16", [16, 4]) }), Error, "no scale");
  assertThrows(() => open({ ...codes, ...part("_scale", "I32", [16, 2]) }), Error, "no scale");
  const zero = part("_zero_point", "I32", [2, 2]);
  assertThrows(() => open({ ...codes, ...scale, ...zero }), Error, "cannot be read");
});

const DTYPE_BYTES: Readonly<Record<string, number>> = { I32: 4, F32: 4, BF16: 2 };

/** A folder whose weight file has these tensors, all zeros. */
function folderOf(header: Record<string, { dtype: string; shape: readonly number[] }>) {
  let end = 0;
  const entries = Object.entries(header).map(([name, { dtype, shape }]) => {
    const begin = end;
    end += DTYPE_BYTES[dtype]! * shape.reduce((a, b) => a * b);
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const file = safetensors(Object.fromEntries(entries), end);
  return new Map([["config.json", json(SMALL_CONFIG)], ["model.safetensors", file]]);
}
