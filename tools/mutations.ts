/**
 * The faults that `mutate.ts` plants, each in one line of the kernels.
 *
 * @module
 */
import { GPU_ATTENTION } from "./gpu_attention_mutations.ts";
import { GPU_DELTA } from "./gpu_delta_mutations.ts";
import { GPU_LINEAR } from "./gpu_linear_mutations.ts";
import { GPU_HOST } from "./gpu_host_mutations.ts";
import { GPU } from "./gpu_mutations.ts";
import { GPU_STEP } from "./gpu_step_mutations.ts";
import { PACKED } from "./packed_mutations.ts";
import { PAGED_MUTATIONS } from "./paged_mutations.ts";
import { CONVOLUTION, GATED_DELTA } from "./recurrent_mutations.ts";

/** A fault: `find` occurs once in the file and becomes `replace`. */
export interface Mutation {
  /** Path inside `kernels/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What is wrong then. */
  readonly why: string;
}

const NORMS_AND_ROTARY: readonly Mutation[] = [
  {
    file: "cpu/gated_norm.cc",
    find: "mean_square(x, size) + epsilon",
    replace: "mean_square(x, size)",
    why: "no epsilon in gated_norm",
  },
  {
    file: "cpu/gated_norm.cc",
    find: "for (; c < size; c += lanes) {",
    replace: "for (; c + lanes <= size; c += lanes) {",
    why: "the mean misses the last columns",
  },
  {
    file: "cpu/rotary.cc",
    find: "position < rotary_rounded_positions ? double(float(exact)) : exact",
    replace: "exact",
    why: "angles are not rounded as in training",
  },
  {
    file: "cpu/rotary.cc",
    find: "1 << 17",
    replace: "1 << 19",
    why: "angles are rounded at positions where no model was trained",
  },
  {
    file: "cpu/rotary.h",
    find: "-(second * sine)",
    replace: "second * sine",
    why: "pairs are mirrored, not turned",
  },
];

const LINEAR: readonly Mutation[] = [
  {
    file: "cpu/linear.cc",
    find: "return bias ? sum + bias[output] : sum;",
    replace: "return bias ? sum : sum;",
    why: "linear forgets the bias",
  },
  {
    file: "cpu/linear_tile.h",
    find: "  if (!rest) return;\n",
    replace: "  if (rest != 1) return;\n",
    why: "a token's dot products miss the last columns",
  },
  {
    file: "cpu/linear_tile.h",
    find: "const Vector input = rest ? load_part(x + r * x_stride + whole, rest) : Vector{};",
    replace: "const Vector input = Vector{};",
    why: "a batch's dot products miss the last columns",
  },
  {
    file: "cpu/linear.cc",
    find: "args.x.row(block.first_row + r) + k, args.x.stride",
    replace: "args.x.row(block.first_row + r), args.x.stride",
    why: "every block of a long dot product reads the first columns of x",
  },
  {
    file: "cpu/linear.cc",
    find: "smaller(uint32_t(group), outputs - output), row,",
    replace: "smaller(uint32_t(group), outputs - output) / 4 * 4, row,",
    why: "the last outputs of a batch are not written",
  },
];

const DENSE: readonly Mutation[] = [
  {
    file: "cpu/rms_norm.cc",
    find: "mean + args.epsilon",
    replace: "mean",
    why: "no epsilon in rms_norm",
  },
  {
    file: "cpu/rms_norm.cc",
    find: "head < args.heads",
    replace: "head < 1",
    why: "rms_norm leaves out all heads but the first",
  },
  {
    file: "cpu/rms_norm.cc",
    find: "for (; c < columns; c += lanes) {",
    replace: "for (; c + lanes <= columns; c += lanes) {",
    why: "the mean misses the last columns in rms_norm",
  },
  {
    file: "cpu/elementwise.cc",
    find: "return silu(gate) * up;",
    replace: "return gate * silu(up);",
    why: "swiglu gates with the wrong operand",
  },
  {
    file: "cpu/elementwise.cc",
    find: "load_part(right + c, rest)), rest);",
    replace: "load_part(right + c, rest)), lanes);",
    why: "the last vector of a row is written whole",
  },
  {
    file: "cpu/file_types.h",
    find: "magnitude < 0x400u",
    replace: "magnitude < 0x3ffu",
    why: "the greatest subnormal of f16 is read as a normal number",
  },
];

const ROWS: readonly Mutation[] = [
  {
    file: "cpu/argmax.cc",
    find: "(best[i] == greatest && where[i] < index)",
    replace: "(best[i] == greatest && where[i] > index)",
    why: "argmax takes the highest of equal indices",
  },
  {
    file: "cpu/argmax.cc",
    find: "if (x[i] == x[i]) return int32_t(i);",
    replace: "return int32_t(i);",
    why: "argmax takes NaN for -infinity",
  },
  {
    file: "cpu/candidates.h",
    find: "a.key == b.key && a.index > b.index",
    replace: "a.key == b.key && a.index < b.index",
    why: "top_k takes the highest of equal indices",
  },
  {
    file: "cpu/candidates.h",
    find: "if (x != x) return INT32_MIN;",
    replace: "if (x != x) return INT32_MAX;",
    why: "top_k takes NaN for the greatest",
  },
  {
    file: "cpu/candidates.h",
    find: "above |= ~(IntVector)(load(x + c + i) <= worst);",
    replace: "above |= (IntVector)(load(x + c + i) > worst);",
    why: "top_k skips blocks while its worst is NaN",
  },
  {
    file: "cpu/log_sum_exp.cc",
    find: "sum_piece(args.x.row(r) + begin, args.scales[r], count)",
    replace: "sum_piece(args.x.row(r) + begin, args.scales[0], count)",
    why: "every row has the scale of the first",
  },
  {
    file: "cpu/log_sum_exp.cc",
    find: "top >= -__FLT_MAX__ && top <= __FLT_MAX__ ? top : 0.0f",
    replace: "top",
    why: "the sum of a row of -infinity is NaN",
  },
  {
    file: "cpu/rows.cc",
    find: "args.x.row(uint32_t(args.rows[r]))",
    replace: "args.x.row(uint32_t(r))",
    why: "gather_rows takes the first rows",
  },
];

const CHECKS: readonly Mutation[] = [
  {
    file: "common/indices.cc",
    find: "if (values[i] >= 0 && uint32_t(values[i]) < limit) continue;",
    replace: "if (values[i] >= 0) continue;",
    why: "rows behind the last are not refused",
  },
  {
    file: "common/indices.cc",
    find: "uint32_t(pages[e]) >= limit",
    replace: "uint32_t(pages[e]) > limit",
    why: "the page behind the last is not refused",
  },
  {
    file: "common/indices.cc",
    find: "if (values[i] == int64_t{values[i - 1]} + 1) continue;",
    replace: "if (values[i] > values[i - 1]) continue;",
    why: "positions may skip some",
  },
  {
    file: "common/indices.cc",
    find: "if (repeat == count) return true;",
    replace: "return true;",
    why: "two segments may have one slot",
  },
  {
    file: "common/check_dense.cc",
    find: "out->rows != x->rows || out->columns != weight->rows",
    replace: "out->rows != x->rows || out->columns > weight->rows",
    why: "an output of linear that is too narrow is not refused",
  },
  {
    file: "common/indices.cc",
    find: "if (starts[e] <= before) {",
    replace: "if (starts[e] < before) {",
    why: "two pages may begin at one position",
  },
  {
    file: "common/indices.cc",
    find: "uint32_t(values[i] - start) < CT_PAGE_TOKENS",
    replace: "uint32_t(values[i] - start) <= CT_PAGE_TOKENS",
    why: "a token right behind its segment's last page is not refused",
  },
  {
    file: "common/check_caches.cc",
    find: "if (recent >= count) {",
    replace: "if (recent > count) {",
    why: "as many recent pages as are chosen are not refused",
  },
  {
    file: "common/operands.cc",
    find: "if (a.rows == 1) return meets(a, b);",
    replace: "if (a.rows == 1) return false;",
    why: "a vector inside another operand is not refused",
  },
];

/** All faults. */
export const MUTATIONS: readonly Mutation[] = [
  ...GATED_DELTA,
  ...CONVOLUTION,
  ...NORMS_AND_ROTARY,
  ...PAGED_MUTATIONS,
  ...LINEAR,
  ...PACKED,
  ...DENSE,
  ...ROWS,
  ...CHECKS,
  ...GPU,
  ...GPU_DELTA,
  ...GPU_LINEAR,
  ...GPU_HOST,
  ...GPU_STEP,
  ...GPU_ATTENTION,
];
