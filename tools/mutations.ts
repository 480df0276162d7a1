/**
 * The faults that `mutate.ts` plants, each in one line of the kernels.
 *
 * @module
 */
import { PACKED } from "./packed_mutations.ts";

/** A fault: `find` occurs once in the file and becomes `replace`. */
export interface Mutation {
  /** Path inside `kernels/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What is wrong then. */
  readonly why: string;
}

const GATED_DELTA: readonly Mutation[] = [
  {
    file: "cpu/gated_delta_inputs.h",
    find: "const Vector y = silu(load_up_to(x + c, size - c));",
    replace: "const Vector y = load_up_to(x + c, size - c);",
    why: "no SiLU on q and k",
  },
  {
    file: "cpu/gated_delta_inputs.h",
    find: "delta_normalize(out, x, size, 1.0f / __builtin_sqrtf(float(size)));",
    replace: "delta_normalize(out, x, size, 1.0f);",
    why: "q is not divided by sqrt(K)",
  },
  {
    file: "cpu/gated_delta_inputs.h",
    find: "sum(squares) + delta_norm_epsilon",
    replace: "sum(squares) + 1e-12f",
    why: "the norm of q and k has another epsilon",
  },
  {
    file: "cpu/gated_delta_inputs.h",
    find: "task.args.q.row(task.row + i)",
    replace: "task.args.k.row(task.row + i)",
    why: "k in place of q",
  },
  {
    file: "cpu/gated_delta_inputs.h",
    find: "x > 20 ? x :",
    replace: "x > 8 ? x :",
    why: "softplus becomes linear too early",
  },
  {
    file: "cpu/gated_delta_inputs.h",
    find: "+ task.args.dt_bias[task.head]",
    replace: "+ task.args.dt_bias[0]",
    why: "every head has the dt_bias of the first",
  },
  {
    file: "cpu/gated_delta_inputs.h",
    find: "exponential(-task.args.b",
    replace: "exponential(task.args.b",
    why: "beta is 1 − σ(b)",
  },
  {
    file: "cpu/gated_delta_recurrence.h",
    find: "n) - alpha * change[j]);",
    replace: "n) - change[j]);",
    why: "the decay comes after the state is recalled",
  },
  {
    file: "cpu/gated_delta_recurrence.h",
    find: "store_up_to(to + j * lanes, s, n);",
    replace: "(void)s;",
    why: "the state is not written back",
  },
  {
    file: "cpu/gated_delta.cc",
    find: "args.state.row(uint64_t(args.segments.slots[s]))",
    replace: "args.state.row(uint64_t(s))",
    why: "the state of the segment's number in place of its slot",
  },
  {
    file: "cpu/gated_delta_chunk.h",
    find: "tile.at[r][h] *= chunk.decay[first + r];",
    replace: "tile.at[r][h] *= 0.0f;",
    why: "the outputs of a chunk miss the state before it",
  },
  {
    file: "cpu/gated_delta_chunk.h",
    find: "const float decay = chunk.decay[chunk.count - 1];",
    replace: "const float decay = chunk.decay[0];",
    why: "the state decays by the first token of a chunk only",
  },
  {
    file: "cpu/gated_delta_chunk.h",
    find: "float(chunk.log_decay[i] - chunk.log_decay[j])",
    replace: "float(chunk.log_decay[i]) - float(chunk.log_decay[j])",
    why: "differences of decays in f32",
  },
  {
    file: "cpu/gated_delta_chunk.h",
    find: "add_triangle(tile, read + first, chunk.pair_stride, updates, 1);",
    replace: "add_triangle(tile, read + first, chunk.pair_stride, updates, 0);",
    why: "a token of a chunk does not read what it wrote itself",
  },
];

const CONVOLUTION: readonly Mutation[] = [
  {
    file: "cpu/dynamic_convolution.cc",
    find: "task.input(i - task.past() + t)",
    replace: "task.input(i - t)",
    why: "taps in the wrong order",
  },
  {
    file: "cpu/dynamic_convolution.cc",
    find: "task.input(task.rows - task.past() + r)",
    replace: "task.input(task.rows - task.past() + r - 1)",
    why: "the state lags by a token",
  },
  {
    file: "cpu/dynamic_convolution.cc",
    find: "silu(total)",
    replace: "total",
    why: "no SiLU after the convolution",
  },
];

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
  ...PACKED,
  ...DENSE,
  ...ROWS,
  ...CHECKS,
];
