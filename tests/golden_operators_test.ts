/**
 * The operators against what the official code computed, one layer at a time.
 *
 * @module
 */
import { assert } from "@std/assert";
import { Device } from "../ffi/device.ts";
import { NativeOps } from "../ffi/ops.ts";
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
import { type Backend, Targets } from "./native.ts";
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
// The official code in f32 has errors of up to 1.2e-5.
const NATIVE_BOUND = 2e-5;
// GPUs round what they multiply with weights of bf16.
const ROUNDED_BOUND = 1e-2;

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

/** Layers of the official widths on some operators. */
interface WideCase {
  readonly name: string;
  /** The operators, whose devices go onto `stack`. */
  readonly backends: (stack: DisposableStack) => readonly Backend[];
  /** Of the gated delta rule; the reference has no chunked form. */
  readonly chunks: readonly number[];
  readonly bound: number;
}

const WIDE: readonly WideCase[] = [
  {
    name: "ReferenceOps",
    backends: () => [{ name: "float64", ops: reference() }],
    chunks: [0],
    bound: REFERENCE_BOUND,
  },
  {
    name: "NativeOps",
    backends: (stack) =>
      stack.use(new Targets()).all.map(({ instructionSet, several }) => ({
        name: instructionSet,
        ops: several,
      })),
    chunks: [0, 64],
    bound: NATIVE_BOUND,
  },
  {
    name: "the emulator",
    backends: (stack) => {
      const device = stack.use(Device.open({ backend: "emulator" }));
      return [{ name: "emulator", ops: new NativeOps(device) }];
    },
    chunks: [64],
    bound: ROUNDED_BOUND,
  },
];

const isPresent = hasGolden(SHARED_GOLDEN);
const suffix = isPresent ? "" : ` (ignored: ${SHARED_GOLDEN.pathname} is absent)`;

for (const wide of WIDE) {
  Deno.test({
    name: `${wide.name} agrees with the official JetBlock when it has the 2B widths${suffix}`,
    ignore: !isPresent,
    fn: () =>
      withWide("wide-jet", wide, (ops, weights, folder) => {
        const golden = new GoldenFile(new URL("expected.safetensors", folder));
        for (const chunk of wide.chunks) {
          const result = jetBlock(ops, weights, golden.floats("x"), WIDE_JET, chunk);
          expectGolden(result, golden, WIDE_JET, wide.bound);
        }
      }),
  });
  Deno.test({
    name: `${wide.name} agrees with the official attention when it has the 2B widths${suffix}`,
    ignore: !isPresent,
    fn: () =>
      withWide("wide-attn", wide, (ops, weights, folder) => {
        const [golden, sliding] = ["expected", "expected-swa"].map((name) =>
          new GoldenFile(new URL(`${name}.safetensors`, folder))
        ) as [GoldenFile, GoldenFile];
        for (const [window, expected] of [[0, golden], [64, sliding]] as const) {
          const shape: AttentionShape = { ...WIDE_ATTENTION, window };
          const result = attentionLayer(ops, weights, golden.floats("x"), shape);
          expectGolden(result, expected, undefined, wide.bound);
        }
      }),
  });
}

/** Runs a check of the golden folder `name` on all operators of a case. */
async function withWide(
  name: string,
  { backends }: WideCase,
  check: (ops: Ops, weights: GoldenWeights, folder: URL) => void,
): Promise<void> {
  using stack = new DisposableStack();
  const folder = new URL(`${name}/`, SHARED_GOLDEN);
  const into = await Deno.makeTempDir();
  stack.defer(() => Deno.removeSync(into, { recursive: true }));
  const path = await unpack(folder, into);
  for (const { name, ops } of backends(stack)) {
    using weights = new GoldenWeights(ops, [path], "bf16"); // as in the files
    try {
      check(ops, weights, folder);
    } catch (cause) {
      throw new Error(`${name}: ${(cause as Error).message}`, { cause });
    }
  }
}
