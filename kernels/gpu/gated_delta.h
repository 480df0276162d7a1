// The gated delta rule, token by token: a block a few columns of one head's state in one segment,
// which stay in shared memory from the first token to the last.
#pragma once

CONSTANT uint32_t delta_columns = CT_DELTA_COLUMNS;
CONSTANT uint32_t delta_splits = block_size / delta_columns;  // threads that share a column
CONSTANT uint32_t delta_most_keys = CT_DELTA_MOST_KEYS;
CONSTANT float delta_norm_epsilon = 1e-6f;

// As gated_delta_chunk.h then has it.
DEVICE bool delta_runs_in_chunks(SIZES(GatedDeltaSizes) sizes, uint32_t tokens) {
  return sizes.chunk > 0 && tokens > CT_DELTA_LONGEST_RECURRENCE;
}

// What the threads of a block share.
struct DeltaShared {
  SHARED_POINTER(float) state;  // [key_size, delta_columns]
  SHARED_POINTER(float) query;  // [key_size]
  SHARED_POINTER(float) key;
  SHARED_POINTER(float) changes;  // [delta_splits, delta_columns]
  SHARED_POINTER(float) results;
  SHARED_POINTER(float) parts;  // [block_warps]
};

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

DEVICE float delta_column_sum(SHARED_POINTER(float) sums, uint32_t column) {
  float total = 0.0f;
  for (uint32_t split = 0; split < delta_splits; ++split) {
    total += sums[split * delta_columns + column];
  }
  return total;
}

// One token, whose normalized query and key are in shared memory; returns the column's result to
// every thread of it.
DEVICE float delta_step(DeltaShared shared, uint32_t key_size, float alpha, float beta, float value,
                        uint32_t thread_index) {
  const uint32_t column = thread_index % delta_columns, split = thread_index / delta_columns;
  float change = 0.0f, result = 0.0f;
  for (uint32_t i = split; i < key_size; i += delta_splits) {
    change = multiply_add(shared.state[i * delta_columns + column], shared.key[i], change);
  }
  shared.changes[thread_index] = change;
  barrier();
  change = beta * (value - alpha * delta_column_sum(shared.changes, column));
  for (uint32_t i = split; i < key_size; i += delta_splits) {
    const uint32_t place = i * delta_columns + column;
    const float s = multiply_add(shared.key[i], change, alpha * shared.state[place]);
    shared.state[place] = s;
    result = multiply_add(s, shared.query[i], result);
  }
  shared.results[thread_index] = result;
  barrier();
  return delta_column_sum(shared.results, column);
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

// What every token of a segment brings; each at the block's head.
struct DeltaInputs {
  GLOBAL(float) out;
  GLOBAL(const float) q;
  GLOBAL(const float) k;
  GLOBAL(const float) v;
  GLOBAL(const float) a;
  GLOBAL(const float) b;
  float a_log, dt_bias;
};

template <typename T>
DEVICE void delta_segment(SIZES(GatedDeltaSizes) sizes, DeltaInputs in, GLOBAL(T) state,
                          uint32_t begin, uint32_t end, DeltaShared shared, uint32_t block,
                          uint32_t thread_index) {
  const uint32_t column = block * delta_columns + thread_index % delta_columns;
  const uint32_t split = thread_index / delta_columns, key_size = sizes.key_size;
  const bool is_there = column < sizes.value_size;
  delta_load(shared.state, state, sizes, column, split);
  for (uint32_t row = begin; row < end; ++row) {
    delta_normalize(shared.query, in.q + row * sizes.q_stride, key_size,
                    1.0f / sqrt(float(key_size)), shared.parts, thread_index);
    delta_normalize(shared.key, in.k + row * sizes.k_stride, key_size, 1.0f, shared.parts,
                    thread_index);
    barrier();
    const float alpha =
        exp(delta_log_alpha(in.a[row * sizes.a_stride], in.a_log, in.dt_bias));
    const float beta = sigmoid(in.b[row * sizes.b_stride]);
    const float value = is_there ? in.v[row * sizes.v_stride + column] : 0.0f;
    const float result = delta_step(shared, key_size, alpha, beta, value, thread_index);
    if (is_there && split == 0) in.out[row * sizes.out_stride + column] = result;
  }
  delta_store(shared.state, state, sizes, column, split);
}

#define GATED_DELTA_KERNEL(name, T)                                                             \
  KERNEL(name, GatedDeltaSizes, BUFFER(0, float, out), BUFFER(1, const float, q),               \
         BUFFER(2, const float, k), BUFFER(3, const float, v), BUFFER(4, const float, a),       \
         BUFFER(5, const float, b), BUFFER(6, const float, a_log),                              \
         BUFFER(7, const float, dt_bias), BUFFER(8, T, state),                                  \
         BUFFER(9, const int32_t, segments), BUFFER(10, const int32_t, slots)) {                \
    SHARED(float, tile, delta_most_keys * delta_columns);                                       \
    SHARED(float, query, delta_most_keys);                                                      \
    SHARED(float, key, delta_most_keys);                                                        \
    SHARED(float, changes, block_size);                                                         \
    SHARED(float, results, block_size);                                                         \
    SHARED(float, parts, block_warps);                                                          \
    const uint32_t segment = BLOCK_X, head = BLOCK_Y;                                           \
    const uint32_t begin = uint32_t(segments[segment]), end = uint32_t(segments[segment + 1]);  \
    if (begin == end || delta_runs_in_chunks(sizes, end - begin)) return;                       \
    const uint64_t keys = uint64_t(head) * sizes.key_size;                                      \
    const uint64_t values = uint64_t(head) * sizes.value_size;                                  \
    const DeltaInputs in = {out + values, q + keys, k + keys, v + values, a + head, b + head,   \
                            a_log[head], dt_bias[head]};                                        \
    const DeltaShared shared = {tile, query, key, changes, results, parts};                     \
    const uint64_t first =                                                                      \
        uint32_t(slots[segment]) * sizes.state_stride + keys * sizes.value_size;                \
    delta_segment<T>(sizes, in, state + first, begin, end, shared, BLOCK_Z, THREAD);            \
  }

GATED_DELTA_KERNEL(gated_delta_f32, float)
GATED_DELTA_KERNEL(gated_delta_bf16, bf16)
