/**
 * The operators against what the official code computed, one layer at a time.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Ops } from "../src/ops.ts";
import {
  GOLDEN,
  GoldenFile,
  GoldenWeights,
  hasGolden,
  relativeError,
  SHARED_GOLDEN,
  unpack,
  withoutOldest,
} from "./golden.ts";
import {
  attentionLayer,
  type AttentionShape,
  jetBlock,
  type JetShape,
  normedEmbeddings,
  type Values,
} from "./golden_layers.ts";
import { ReferenceOps } from "./reference_ops.ts";

const EPSILON = 1e-6; // rms_norm_eps of every golden model
const JET = { width: 4, epsilon: 1e-5 };
const WIDE_JET = { heads: 12, keySize: 96, valueSize: 256, ...JET };
const WIDE_ATTENTION = { heads: 12, kvHeads: 2, headSize: 128, theta: 1e6 };

const TINY: readonly { name: string; files: readonly string[]; shape: JetShape }[] = [
  {
    name: "tiny-2b",
    files: ["model.safetensors"],
    shape: { heads: 3, keySize: 24, valueSize: 64, ...JET },
  },
  {
    name: "tiny-4b",
    files: ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
    shape: { heads: 4, keySize: 16, valueSize: 32, ...JET },
  },
];

// The golden files are rounded to f32, and so is the input of the layer.
const REFERENCE_BOUND = 5e-7;

const reference = () => new ReferenceOps({ exactAngles: true });

for (const { name, files, shape } of TINY) {
  Deno.test(`ReferenceOps agrees with the official JetBlock when the model is ${name}`, () => {
    const folder = new URL(`${name}/`, GOLDEN);
    const golden = new GoldenFile(new URL("expected.safetensors", folder));
    const ops = reference();
    using weights = new GoldenWeights(ops, files.map((file) => new URL(file, folder)), "f32");
    const x = normedEmbeddings(ops, weights, golden.integers("input_ids"), EPSILON);
    const result = jetBlock(ops, weights, x, shape, 0);
    result.delete("y"); // these files do not hold it
    expectGolden(result, golden, shape, REFERENCE_BOUND);
  });
}

/** Compares values with those of a golden file, some of which hold only chosen rows. */
function expectGolden(
  result: Values,
  golden: GoldenFile,
  shape: JetShape | undefined,
  bound: number,
): void {
  const positions = golden.names.includes("debug.positions")
    ? golden.integers("debug.positions")
    : undefined;
  for (const [name, values] of result) {
    const wanted = golden.floats(name);
    let have = values;
    if (name === "state.conv.0") have = withoutOldest(wanted, have, shape!.width);
    if (name.startsWith("debug.") && positions) {
      const size = wanted.length / positions.length;
      have = [...positions].flatMap((row) =>
        Array.from({ length: size }, (_, i) => values[row * size + i]!)
      );
    }
    const error = relativeError(have, wanted);
    assert(error <= bound, `${name} differs by ${error}; at most ${bound} is allowed`);
  }
}

/** A layer of the official widths, against operators and with matrices of a type. */
interface WideCase {
  readonly backend: string;
  readonly ops: () => Ops;
  readonly type: "f32" | "bf16";
  /** Of the gated delta rule; the reference has no chunked form. */
  readonly chunks: readonly number[];
  readonly bound: number;
}

const WIDE: readonly WideCase[] = [
  { backend: "ReferenceOps", ops: reference, type: "bf16", chunks: [0], bound: REFERENCE_BOUND },
];

const isPresent = hasGolden(SHARED_GOLDEN);
const suffix = isPresent ? "" : ` (ignored: ${SHARED_GOLDEN.pathname} is absent)`;

for (const { backend, ops, type, chunks, bound } of WIDE) {
  Deno.test({
    name: `${backend} agrees with the official JetBlock when it has the 2B widths${suffix}`,
    ignore: !isPresent,
    fn: () =>
      withWide("wide-jet", ops(), type, (operators, weights, folder) => {
        const golden = new GoldenFile(new URL("expected.safetensors", folder));
        for (const chunk of chunks) {
          const result = jetBlock(operators, weights, golden.floats("x"), WIDE_JET, chunk);
          expectGolden(result, golden, WIDE_JET, bound);
        }
      }),
  });
  for (const window of [0, 64]) {
    Deno.test({
      name: `${backend} agrees with the official attention when its window is ${window}${suffix}`,
      ignore: !isPresent,
      fn: () =>
        withWide("wide-attn", ops(), type, (operators, weights, folder) => {
          const golden = new GoldenFile(new URL("expected.safetensors", folder));
          const shape: AttentionShape = { ...WIDE_ATTENTION, window };
          const result = attentionLayer(operators, weights, golden.floats("x"), shape);
          const file = window
            ? new GoldenFile(new URL("expected-swa.safetensors", folder))
            : golden;
          expectGolden(result, file, undefined, bound);
        }),
    });
  }
}

async function withWide(
  name: string,
  ops: Ops,
  type: "f32" | "bf16",
  check: (ops: Ops, weights: GoldenWeights, folder: URL) => void,
): Promise<void> {
  const folder = new URL(`${name}/`, SHARED_GOLDEN);
  const into = await Deno.makeTempDir();
  try {
    using weights = new GoldenWeights(ops, [await unpack(folder, into)], type);
    check(ops, weights, folder);
  } finally {
    await Deno.remove(into, { recursive: true });
  }
}
