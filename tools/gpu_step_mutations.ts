/**
 * The faults that `mutate.ts` plants in what GPUs do with a token at a time, products apart.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

/** Faults that the emulator must notice. */
export const GPU_STEP: readonly Mutation[] = [
  {
    file: "gpu/wide.h",
    find: "if (is_wide && count >= 4) return",
    replace: "if (is_wide) return",
    why: "the last columns of a row of floats are read with those behind",
  },
  {
    file: "gpu/wide.h",
    find: "if (is_wide && count >= 8) return",
    replace: "if (is_wide) return",
    why: "the last columns of a row of bf16 are read with those behind",
  },
  {
    file: "gpu/wide.h",
    find: "if (is_wide && count >= most) {",
    replace: "if (is_wide && count > 0) {",
    why: "what is behind a row is written",
  },
  {
    file: "gpu/host/operands.h",
    find: "stride * element_bytes % 16 == 0",
    replace: "true",
    why: "rows whose stride is no multiple of 16 bytes are read at once",
  },
  {
    file: "gpu/host/dense.cc",
    find: "(heads == 1 || head_size % 4 == 0)",
    replace: "true",
    why: "heads that begin at no multiple of 16 bytes are read at once",
  },
  {
    file: "gpu/elementwise.h",
    find: "up + row * sizes.y_stride",
    replace: "up + row * sizes.x_stride",
    why: "up has the stride of gate",
  },
  {
    file: "gpu/rms_norm.h",
    find: "block_sum(squares, parts, thread_index) / float(size)",
    replace: "warp_sum(squares) / float(size)",
    why: "the mean is that of a warp",
  },
  {
    file: "gpu/rms_norm.h",
    find: "c = row_part + 4 * thread_index;",
    replace: "c = size;",
    why: "the mean is that of a row's first part",
  },
  {
    file: "gpu/rms_norm.h",
    find: "x + (BLOCK_X * sizes.x_stride + BLOCK_Y * size)",
    replace: "x + (BLOCK_X * sizes.x_stride)",
    why: "every head of rms_norm is the first",
  },
  {
    file: "gpu/gated_norm.h",
    find: "*= silu(gate.at[i])",
    replace: "*= sigmoid(gate.at[i])",
    why: "another gate",
  },
  {
    file: "gpu/dynamic_convolution.h",
    find: "for (uint32_t r = 0; r + 1 < sizes.width; ++r) {",
    replace: "for (uint32_t r = sizes.width - 1; r-- > 0;) {",
    why: "old inputs are overwritten before they are moved",
  },
  {
    file: "gpu/dynamic_convolution.h",
    find: "  move_convolution(sizes, segment, c);",
    replace: "",
    why: "segments that are convolved as a whole leave their state as it was",
  },
  {
    file: "gpu/host/recurrent.cc",
    find: " && channels % 4 == 0;",
    replace: ";",
    why: "inputs in a state that begin at no multiple of 16 bytes are read at once",
  },
  {
    file: "gpu/host/recurrent.cc",
    find: "(by_segment || args.width == 1 ||",
    replace: "(true ||",
    why: "rows that are convolved by themselves leave the state as it was",
  },
  {
    file: "gpu/gated_delta_step.h",
    find: "    barrier();  // the token is there",
    replace: "",
    why: "a token is taken in before it is there",
  },
  {
    file: "gpu/gated_delta_step.h",
    find: "= sums.at[0];\n  barrier();",
    replace: "= sums.at[0];",
    why: "sums of a state are added before they are there",
  },
  {
    file: "gpu/gated_delta_step.h",
    find: "token.alpha * state.at[n].at[c]",
    replace: "state.at[n].at[c]",
    why: "the state does not decay",
  },
  {
    file: "gpu/gated_delta_step.h",
    find: "multiply_add(both, change, token.alpha * read)",
    replace: "token.alpha * read",
    why: "what a token adds does not come out",
  },
  {
    file: "gpu/gated_delta_step.h",
    find: "changes[c] = key_factor * change;",
    replace: "changes[c] = change;",
    why: "a change is added along a key that is no unit vector",
  },
  {
    file: "gpu/host/recurrent.cc",
    find: "args.key_size > CT_DELTA_FEW_KEYS",
    replace: "args.key_size > CT_DELTA_FEW_KEYS + 1",
    why: "one key more than a thread has registers for is left out",
  },
  {
    file: "gpu/host/recurrent.cc",
    find: "args.value_size * bytes % 16 == 0",
    replace: "true",
    why: "rows of a state that begin at no multiple of 16 bytes are read at once",
  },
  {
    file: "gpu/host/recurrent.cc",
    find: "args.q.stride,  args.k.stride, args.v.stride,",
    replace: "args.k.stride,  args.q.stride, args.v.stride,",
    why: "q and k have each other's strides",
  },
  {
    file: "gpu/log_sum_exp.h",
    find: "fabs(most) < infinity() ? most : 0.0f",
    replace: "most",
    why: "infinity becomes NaN",
  },
  {
    file: "gpu/log_sum_exp.h",
    find: "if (sum != 0.0f) total",
    replace: "total",
    why: "a part of nothing but -infinity makes a row NaN",
  },
  {
    file: "gpu/log_sum_exp.h",
    find: "sum * exp(finite_shift(from[part * 2]) - shift)",
    replace: "sum",
    why: "sums of parts are not brought to the same greatest",
  },
];
