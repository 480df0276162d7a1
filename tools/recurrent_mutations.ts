/**
 * Faults in the operators that carry a state along segments.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";

/** Faults in gated_delta. */
export const GATED_DELTA: readonly Mutation[] = [
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
    find: "const uint64_t slot = uint64_t(args.segments.slots[s]);",
    replace: "const uint64_t slot = uint64_t(s);",
    why: "the state of the segment's number in place of its slot",
  },
  {
    file: "cpu/gated_delta.cc",
    find: "copy_delta_state(widened, state, task);",
    replace: "",
    why: "a state of bf16 is not read",
  },
  {
    file: "cpu/gated_delta.cc",
    find: "copy_delta_state(state, widened, task);",
    replace: "",
    why: "a state of bf16 is not written back",
  },
  {
    file: "cpu/gated_delta.cc",
    find: "from += value_size) {",
    replace: "from += task.columns) {",
    why: "the rows of a part of a bf16 state are taken for those of the whole",
  },
  {
    file: "cpu/gated_delta.cc",
    find: "for (uint32_t c = 0; c < task.columns; c += lanes) {",
    replace: "for (uint32_t c = 0; c + lanes <= task.columns; c += lanes) {",
    why: "the last columns of a bf16 state are neither read nor written",
  },
  {
    file: "cpu/gated_delta.cc",
    find: "args.state.row<bf16>(slot) + offset",
    replace: "args.state.row<bf16>(slot) + first",
    why: "every head has the bf16 state of the first",
  },
  {
    file: "common/check_segments.cc",
    find: "!is_weight(call, memory)",
    replace: "!memory.tensor",
    why: "a state of i32 is not refused",
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
  {
    file: "cpu/gated_delta.cc",
    find: "if (task.rows == 1) return",
    replace: "if (task.rows <= 8) return",
    why: "a state in bf16 is rounded after each token of a call",
  },
];

/** Faults in dynamic_convolution. */
export const CONVOLUTION: readonly Mutation[] = [
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
