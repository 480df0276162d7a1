/**
 * What 8 and 4 bits cost a layer of the official widths.
 *
 * @module
 */
import { assert } from "@std/assert";
import { isGate, isSensitive } from "../src/model/sensitive.ts";
import type { Ops, PackedType } from "../src/ops.ts";
import {
  GoldenFile,
  type GoldenType,
  GoldenWeights,
  hasGolden,
  rmsError,
  SHARED_GOLDEN,
  unpack,
} from "./golden.ts";
import { attentionLayer, jetBlock } from "./golden_layers.ts";
import { Targets } from "./native.ts";

const JET = { heads: 12, keySize: 96, valueSize: 256, width: 4, epsilon: 1e-5 };
const ATTENTION = { heads: 12, kvHeads: 2, headSize: 128, theta: 1e6 };

/**
 * Most that the output may be off, root mean square over that of the output itself: an eighth more
 * than measured. `docs/performance.md` tells where it comes from.
 */
const BOUNDS: Readonly<Record<"jet" | "attn", Readonly<Record<PackedType, number>>>> = {
  jet: { q8: 0.024, q4: 0.182 },
  attn: { q8: 0.019, q4: 0.019 }, // at q4, too, attention has 8 bits
};

const isPresent = hasGolden(SHARED_GOLDEN);
const suffix = isPresent ? "" : ` (ignored: ${SHARED_GOLDEN.pathname} is absent)`;

for (const type of ["q8", "q4"] as const) {
  Deno.test({
    name: `${type} weights change the output of a JetBlock of the 2B widths little${suffix}`,
    ignore: !isPresent,
    fn: () =>
      withLayer("wide-jet", "jet", type, (ops, weights, folder) => {
        const golden = new GoldenFile(new URL("expected.safetensors", folder));
        const result = jetBlock(ops, weights, golden.floats("x"), JET, 64);
        expectOutput(result.get("y")!, golden, BOUNDS.jet[type]);
      }),
  });
  Deno.test({
    name: `${type} weights change the output of attention of the 2B widths little${suffix}`,
    ignore: !isPresent,
    fn: () =>
      withLayer("wide-attn", "attn", type, (ops, weights, folder) => {
        const full = new GoldenFile(new URL("expected.safetensors", folder));
        const sliding = new GoldenFile(new URL("expected-swa.safetensors", folder));
        for (const [window, golden] of [[0, full], [64, sliding]] as const) {
          const result = attentionLayer(ops, weights, full.floats("x"), { ...ATTENTION, window });
          expectOutput(result.get("y")!, golden, BOUNDS.attn[type]);
        }
      }),
  });
}

function expectOutput(y: ArrayLike<number>, golden: GoldenFile, bound: number): void {
  const error = rmsError(y, golden.floats("y"));
  assert(error <= bound, `y differs by ${error}; at most ${bound} is allowed`);
}

/** Runs a check of a layer on all instruction sets, its matrices as loading rounds them. */
async function withLayer(
  name: string,
  kind: "jet" | "attn",
  type: PackedType,
  check: (ops: Ops, weights: GoldenWeights, folder: URL) => void,
): Promise<void> {
  using stack = new DisposableStack();
  const folder = new URL(`${name}/`, SHARED_GOLDEN);
  const into = await Deno.makeTempDir();
  stack.defer(() => Deno.removeSync(into, { recursive: true }));
  const path = await unpack(folder, into);
  const typeOf = (name: string): GoldenType => {
    if (isGate(name)) return "f32";
    return isSensitive(name, { layers: [kind] }) ? "q8" : type;
  };
  for (const { ops } of stack.use(new Targets()).backends) {
    using weights = new GoldenWeights(ops, [path], typeOf);
    check(ops, weights, folder);
  }
}
