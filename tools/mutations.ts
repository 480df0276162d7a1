/**
 * The faults that `mutate.ts` plants, each in one line of the kernels.
 *
 * @module
 */
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
    find: "const float angle = float(position) * frequencies[i];",
    replace: "const double angle = double(position) * double(frequencies[i]);",
    why: "angles are not rounded as in training",
  },
  {
    file: "cpu/rotary.cc",
    find: "-(second * sine)",
    replace: "second * sine",
    why: "pairs are mirrored, not turned",
  },
];

const CACHES: readonly Mutation[] = [
  {
    file: "cpu/cache_append.cc",
    find: "pages[position / CT_PAGE_TOKENS % args.pages.columns]",
    replace: "pages[smaller(position / CT_PAGE_TOKENS, args.pages.columns - 1)]",
    why: "the table of pages is no ring when tokens are appended",
  },
  {
    file: "cpu/cache_append.cc",
    find: "task % 2 ? args.v : args.k",
    replace: "task % 2 ? args.k : args.v",
    why: "keys and values are swapped",
  },
  {
    file: "cpu/attention.cc",
    find: "p - args.window + 1 : 0",
    replace: "p - args.window : 0",
    why: "the window is one token too wide",
  },
  {
    file: "cpu/attention.cc",
    find: "table[number % args.pages.columns]",
    replace: "table[smaller(number, args.pages.columns - 1)]",
    why: "the table of pages is no ring when tokens attend",
  },
  {
    file: "cpu/attention.cc",
    find: "uint64_t{task.kv_head} * args.head_size",
    replace: "uint64_t{task.first_head % args.kv_heads} * args.head_size",
    why: "query heads are grouped by their remainder",
  },
  {
    file: "cpu/attention.cc",
    find: "1.0f / __builtin_sqrtf(float(args.head_size))",
    replace: "1.0f / float(args.head_size)",
    why: "scores are not divided by the square root",
  },
  {
    file: "cpu/attention_page.h",
    find: "multiply_add(to.sums[h], factor, sum(total))",
    replace: "to.sums[h] + sum(total)",
    why: "a greater score does not rescale the sum of earlier weights",
  },
  {
    file: "cpu/simd.h",
    find: "(bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16",
    replace: "bits >> 16",
    why: "bf16 is cut off in place of rounded",
  },
  {
    file: "cpu/simd.h",
    find: "0x7fffu + ((bits >> 16) & 1u)",
    replace: "0x8000u",
    why: "bf16 rounds ties away from zero",
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
    file: "cpu/convert.cc",
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
    file: "cpu/top_k.cc",
    find: "a.key == b.key && a.index > b.index",
    replace: "a.key == b.key && a.index < b.index",
    why: "top_k takes the highest of equal indices",
  },
  {
    file: "cpu/top_k.cc",
    find: "if (x != x) return INT32_MIN;",
    replace: "if (x != x) return INT32_MAX;",
    why: "top_k takes NaN for the greatest",
  },
  {
    file: "cpu/top_k.cc",
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
    find: "value >= 0 && uint32_t(value) < limit",
    replace: "value >= 0 && uint32_t(value) <= limit",
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
    find: "if (needed > width) {",
    replace: "if (needed > width + 1) {",
    why: "a table of pages that is too narrow is not refused",
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
  ...CACHES,
  ...LINEAR,
  ...DENSE,
  ...ROWS,
  ...CHECKS,
];
