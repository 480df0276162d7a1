// The name of every kernel, in the order in which the host counts them.
#pragma once

#define CT_KERNELS(X)        \
  X(add)                     \
  X(silu)                    \
  X(swiglu)                  \
  X(rms_norm)                \
  X(gated_norm)              \
  X(gather_rows_f32)         \
  X(gather_rows_bf16)        \
  X(gather_rows_packed)      \
  X(scatter_rows)            \
  X(linear_f32)              \
  X(linear_bf16)             \
  X(linear_tile_f32)         \
  X(linear_tile_bf16)        \
  X(round_input)             \
  X(linear_packed_1)         \
  X(linear_packed_2)         \
  X(linear_packed_4)         \
  X(linear_packed_8)         \
  X(linear_packed_tile)      \
  X(rotary)                  \
  X(convolve_rows)           \
  X(convolve_segments)       \
  X(move_convolutions)       \
  X(gated_delta_f32)         \
  X(gated_delta_bf16)        \
  X(gated_delta_long_f32)    \
  X(gated_delta_long_bf16)   \
  X(delta_pairs)             \
  X(gated_delta_chunks_f32)  \
  X(gated_delta_chunks_bf16) \
  X(cache_append_f32)        \
  X(cache_append_bf16)       \
  X(attention_f32)           \
  X(attention_bf16)          \
  X(join_attention)          \
  X(page_limits)             \
  X(greatest_limits)         \
  X(page_scores)             \
  X(select_pages)            \
  X(top_k_spans)             \
  X(top_k)                   \
  X(log_sum_exp_parts)       \
  X(log_sum_exp)
