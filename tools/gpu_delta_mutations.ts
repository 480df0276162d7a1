/**
 * The faults that `mutate.ts` plants in the gated delta rule of GPUs, where it runs in chunks.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

/** Faults that the emulator must notice. */
export const GPU_DELTA: readonly Mutation[] = [
  {
    file: "gpu/gated_delta_pairs.h",
    find: "uint32_t(segments[segment]) / sizes.chunk + segment;",
    replace: "uint32_t(segments[segment]) / sizes.chunk;",
    why: "two chunks have the same number",
  },
  {
    file: "gpu/gated_delta_pairs.h",
    find: "delta_decay(shared.log_alphas, j + 1, i + 1)",
    replace: "delta_decay(shared.log_alphas, j, i + 1)",
    why: "what a token adds decays at once",
  },
  {
    file: "gpu/gated_delta_pairs.h",
    find: "log_alphas[lane] = is_there ? log_alpha : 0.0f;",
    replace: "log_alphas[lane] = log_alpha;",
    why: "the state decays after the last token",
  },
  {
    file: "gpu/gated_delta_pairs.h",
    find: "is_there && column < key_size ? silu",
    replace: "is_there ? silu",
    why: "a head's vectors go on in the next head",
  },
  {
    file: "gpu/gated_delta_pairs.h",
    find: "const bool is_there = token < chunk.count;",
    replace: "const bool is_there = true;",
    why: "a chunk has tokens after the last",
  },
  {
    file: "gpu/gated_delta_pairs.h",
    find: "sigmoid(b[row * sizes.b_stride + head]) : 0.0f;\n  }\n  barrier();",
    replace: "sigmoid(b[row * sizes.b_stride + head]) : 0.0f;\n  }",
    why: "decays are added up before they are there",
  },
  {
    file: "gpu/gated_delta_pairs.h",
    find: "if (j < i) x =",
    replace: "if (j + 1 < i) x =",
    why: "the inverse leaves the token before out",
  },
  {
    file: "gpu/gated_delta_pairs.h",
    find: " * remaining[token];",
    replace: ";",
    why: "what a token adds does not decay to the end of its chunk",
  },
  {
    file: "gpu/gated_delta_tiles.h",
    find: "unit * split_columns <= tile * matrix_rows",
    replace: "unit * split_columns < tile * matrix_rows",
    why: "triangles lose what begins on the diagonal",
  },
  {
    file: "gpu/gated_delta_tiles.h",
    find: "shuffle_xor(x, lane_at(0, 2))",
    replace: "shuffle_xor(x, lane_at(0, 1))",
    why: "lanes scale parts of a row by other powers",
  },
  {
    file: "gpu/split_products.h",
    find: "f16_pair(first - lower_f16(pair), second - upper_f16(pair))",
    replace: "0",
    why: "every other pair is rounded to f16",
  },
  {
    file: "gpu/split_products.h",
    find: "const uint32_t bits = bits_of(most) >> 23;",
    replace: "const uint32_t bits = 127;",
    why: "large numbers are infinite in f16",
  },
  {
    file: "gpu/gated_delta_chunk.h",
    find: "    in = in_next;\n",
    replace: "",
    why: "every chunk has the tokens of the first",
  },
  {
    file: "gpu/gated_delta_chunk.h",
    find: "in.rates[delta_chunk - 1]",
    replace: "in.rates[delta_chunk - 2]",
    why: "the state misses the last decay of a chunk",
  },
  {
    file: "gpu/gated_delta_chunk.h",
    find: "    barrier();\n    const DeltaTiles targets",
    replace: "    const DeltaTiles targets",
    why: "products of the warps are added before they are there",
  },
  {
    file: "gpu/gated_delta_chunk.h",
    find: "    barrier();  // the sums of keys may still be read\n",
    replace: "",
    why: "products with queries are written over those with keys",
  },
  {
    file: "gpu/gated_delta_chunk.h",
    find: "    barrier();  // the sums of queries may still be read\n",
    replace: "",
    why: "the next chunk writes over products that are still read",
  },
  {
    file: "gpu/gated_delta_chunk.h",
    find: "multiply_add(decay, state",
    replace: "multiply_add(1.0f, state",
    why: "the state does not decay in chunks",
  },
];
