// What both forms of the gated delta rule have in common: token by token (gated_delta_step.h) and
// many tokens at a time (gated_delta_chunk.h). In both a block has a few columns of a head's state
// in one segment, from the first token to the last.
#pragma once

CONSTANT uint32_t delta_columns = CT_DELTA_COLUMNS;
CONSTANT uint32_t delta_splits = block_size / delta_columns;  // threads that share a column
CONSTANT uint32_t delta_most_keys = CT_DELTA_MOST_KEYS;
CONSTANT float delta_norm_epsilon = 1e-6f;

// As gated_delta_chunk.h then has it.
DEVICE bool delta_runs_in_chunks(SIZES(GatedDeltaSizes) sizes, uint32_t tokens) {
  return sizes.chunk > 0 && tokens > CT_DELTA_LONGEST_RECURRENCE;
}

// to = scale * silu(from) / sqrt(sum silu(from)^2 + epsilon)
DEVICE void delta_normalize(SHARED_POINTER(float) to, GLOBAL(const float) from, uint32_t size,
                            float scale, SHARED_POINTER(float) parts, uint32_t thread_index) {
  float squares = 0.0f;
  for (uint32_t i = thread_index; i < size; i += block_size) {
    const float y = silu(from[i]);
    to[i] = y;
    squares = multiply_add(y, y, squares);
  }
  const float factor = scale / sqrt(block_sum(squares, parts, thread_index) + delta_norm_epsilon);
  for (uint32_t i = thread_index; i < size; i += block_size) to[i] *= factor;
}

DEVICE float delta_log_alpha(float a, float a_log, float dt_bias) {
  const float x = a + dt_bias;
  const float softplus = x > 20.0f ? x : log_one_plus(exp(x));
  return -exp(a_log) * softplus;
}

// Copies the block's columns of a state from or to shared memory.
template <typename T>
DEVICE void delta_load(SHARED_POINTER(float) tile, GLOBAL(T) state, SIZES(GatedDeltaSizes) sizes,
                       uint32_t column, uint32_t split) {
  for (uint32_t i = split; i < sizes.key_size; i += delta_splits) {
    const bool is_there = column < sizes.value_size;
    tile[i * delta_columns + column % delta_columns] =
        is_there ? to_float(state[i * uint64_t(sizes.value_size) + column]) : 0.0f;
  }
}

template <typename T>
DEVICE void delta_store(SHARED_POINTER(float) tile, GLOBAL(T) state, SIZES(GatedDeltaSizes) sizes,
                        uint32_t column, uint32_t split) {
  if (column >= sizes.value_size) return;
  for (uint32_t i = split; i < sizes.key_size; i += delta_splits) {
    state[i * uint64_t(sizes.value_size) + column] =
        from_float<T>(tile[i * delta_columns + column % delta_columns]);
  }
}
