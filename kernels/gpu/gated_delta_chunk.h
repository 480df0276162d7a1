// The gated delta rule many tokens at a time, for segments that are longer than a few: the formulas
// stand in cpu/gated_delta_chunk.h. What all columns of a head's state need of the tokens comes
// first, by a block for each token and head; then a block takes a few columns from chunk to chunk.
// Sums of log(alpha) are never subtracted: where alpha is tiny, floats would lose the difference.
#pragma once

CONSTANT uint32_t delta_chunk = CT_DELTA_CHUNK;
CONSTANT uint32_t delta_own = delta_chunk / delta_splits;  // tokens of a thread, delta_splits apart

// What a token has, besides vectors, for each head.
CONSTANT uint32_t delta_log_alpha_at = 0, delta_beta_at = 1;
CONSTANT uint32_t delta_decay_at = 2;  // e^g
CONSTANT uint32_t delta_remaining_at = 3;  // e^(g_last - g)
CONSTANT uint32_t delta_rates = 4;

// A chunk around a token; of no tokens where the token's segment runs as a recurrence.
struct DeltaChunk {
  uint32_t first, count;
};

DEVICE DeltaChunk delta_chunk_of(SIZES(GatedDeltaSizes) sizes, GLOBAL(const int32_t) segments,
                                 uint32_t row) {
  const uint32_t segment = segment_of_row(segments, sizes.segments, row);
  const uint32_t begin = uint32_t(segments[segment]), end = uint32_t(segments[segment + 1]);
  DeltaChunk chunk = {row, 0};
  if (!delta_runs_in_chunks(sizes, end - begin)) return chunk;
  chunk.first = row - (row - begin) % sizes.chunk;
  chunk.count = lesser(sizes.chunk, end - chunk.first);
  return chunk;
}

// The query, key and rates of a token and head. keys and queries are [N, H*K].
KERNEL(delta_tokens, GatedDeltaSizes, BUFFER(0, float, queries), BUFFER(1, float, keys),
       BUFFER(2, float, rates), BUFFER(3, const float, q), BUFFER(4, const float, k),
       BUFFER(5, const float, a), BUFFER(6, const float, b), BUFFER(7, const float, a_log),
       BUFFER(8, const float, dt_bias), BUFFER(9, const int32_t, segments)) {
  SHARED(float, query, delta_most_keys);
  SHARED(float, key, delta_most_keys);
  SHARED(float, parts, block_warps);
  const uint32_t row = BLOCK_X, head = BLOCK_Y, key_size = sizes.key_size;
  if (!delta_chunk_of(sizes, segments, row).count) return;
  const uint64_t place = uint64_t(row) * sizes.heads + head, first = head * key_size;
  delta_normalize(query, q + (row * sizes.q_stride + first), key_size,
                  1.0f / sqrt(float(key_size)), parts, THREAD);
  delta_normalize(key, k + (row * sizes.k_stride + first), key_size, 1.0f, parts, THREAD);
  for (uint32_t i = THREAD; i < key_size; i += block_size) {  // each its own
    queries[place * key_size + i] = query[i];
    keys[place * key_size + i] = key[i];
  }
  if (THREAD > 0) return;
  rates[place * delta_rates + delta_log_alpha_at] =
      delta_log_alpha(a[row * sizes.a_stride + head], a_log[head], dt_bias[head]);
  rates[place * delta_rates + delta_beta_at] = sigmoid(b[row * sizes.b_stride + head]);
}

// The sum of log(alpha) of a head over tokens first ... end - 1, whose rates these are.
DEVICE float delta_log_decay(GLOBAL(const float) rates, uint32_t heads, uint32_t first,
                             uint32_t end) {
  float sum = 0.0f;
  for (uint32_t t = first; t < end; ++t) {
    sum += rates[uint64_t(t) * heads * delta_rates + delta_log_alpha_at];
  }
  return sum;
}

// A and P of a token with those of its chunk up to it, [N, H, delta_chunk] each, a warp a pair; and
// its decays.
KERNEL(delta_pairs, GatedDeltaSizes, BUFFER(0, float, solve), BUFFER(1, float, read),
       BUFFER(2, float, rates), BUFFER(3, const float, queries), BUFFER(4, const float, keys),
       BUFFER(5, const int32_t, segments)) {
  const uint32_t row = BLOCK_X, head = BLOCK_Y, key_size = sizes.key_size;
  const uint32_t lane = THREAD % warp_size;
  const DeltaChunk chunk = delta_chunk_of(sizes, segments, row);
  if (!chunk.count) return;
  const uint64_t place = uint64_t(row) * sizes.heads + head;
  GLOBAL(const float) own_rates = rates + head * delta_rates;
  const float beta = rates[place * delta_rates + delta_beta_at];
  for (uint32_t other = chunk.first + THREAD / warp_size; other <= row; other += block_warps) {
    GLOBAL(const float) key = keys + (uint64_t(other) * sizes.heads + head) * key_size;
    float by_key = 0.0f, by_query = 0.0f;
    for (uint32_t i = lane; i < key_size; i += warp_size) {
      by_key = multiply_add(keys[place * key_size + i], key[i], by_key);
      by_query = multiply_add(queries[place * key_size + i], key[i], by_query);
    }
    by_key = warp_sum(by_key);
    by_query = warp_sum(by_query);
    const float decay = exp(delta_log_decay(own_rates, sizes.heads, other + 1, row + 1));
    if (lane > 0) continue;
    solve[place * delta_chunk + (other - chunk.first)] = beta * (by_key * decay);
    read[place * delta_chunk + (other - chunk.first)] = by_query * decay;
  }
  if (THREAD > 0) return;
  const uint32_t end = chunk.first + chunk.count;
  rates[place * delta_rates + delta_decay_at] =
      exp(delta_log_decay(own_rates, sizes.heads, chunk.first, row + 1));
  rates[place * delta_rates + delta_remaining_at] =
      exp(delta_log_decay(own_rates, sizes.heads, row + 1, end));
}

// What a block reads of the tokens, each at its head.
struct DeltaTokens {
  GLOBAL(float) out;
  GLOBAL(const float) v;
  GLOBAL(const float) queries;
  GLOBAL(const float) keys;
  GLOBAL(const float) solve;
  GLOBAL(const float) read;
  GLOBAL(const float) rates;
};

// One chunk of the block's columns. `updates` is [delta_chunk, delta_columns].
DEVICE void delta_run_chunk(SIZES(GatedDeltaSizes) sizes, DeltaTokens in, DeltaChunk chunk,
                            SHARED_POINTER(float) state, SHARED_POINTER(float) updates,
                            uint32_t block, uint32_t thread_index) {
  const uint32_t c = thread_index % delta_columns, split = thread_index / delta_columns;
  const uint32_t column = block * delta_columns + c, key_size = sizes.key_size;
  const uint64_t key_stride = uint64_t(sizes.heads) * key_size;
  const uint64_t pair_stride = uint64_t(sizes.heads) * delta_chunk;
  const uint64_t rate_stride = uint64_t(sizes.heads) * delta_rates;
  const bool is_there = column < sizes.value_size;
  // First the state's products with keys and queries.
  float update[delta_own] = {}, result[delta_own] = {};
  for (uint32_t e = 0; e < key_size; ++e) {
    const float s = state[e * delta_columns + c];
    UNROLL
    for (uint32_t n = 0; n < delta_own; ++n) {
      const uint64_t row = chunk.first + lesser(split + n * delta_splits, chunk.count - 1);
      update[n] = multiply_add(s, in.keys[row * key_stride + e], update[n]);
      result[n] = multiply_add(s, in.queries[row * key_stride + e], result[n]);
    }
  }
  UNROLL
  for (uint32_t n = 0; n < delta_own; ++n) {
    const uint64_t row = chunk.first + lesser(split + n * delta_splits, chunk.count - 1);
    GLOBAL(const float) rates = in.rates + row * rate_stride;
    const float decay = rates[delta_decay_at];
    const float value = is_there ? in.v[row * sizes.v_stride + column] : 0.0f;
    update[n] = rates[delta_beta_at] * (value - decay * update[n]);
    result[n] *= decay;
  }
  // Every update is taken from those of later tokens once it is known.
  for (uint32_t j = 0; j < chunk.count; ++j) {
    UNROLL
    for (uint32_t n = 0; n < delta_own; ++n) {
      if (split + n * delta_splits == j) updates[j * delta_columns + c] = update[n];
    }
    barrier();
    const float known = updates[j * delta_columns + c];
    UNROLL
    for (uint32_t n = 0; n < delta_own; ++n) {
      const uint32_t i = split + n * delta_splits;
      if (i < j || i >= chunk.count) continue;
      const uint64_t pair = (chunk.first + i) * pair_stride + j;
      if (i > j) update[n] = multiply_add(-in.solve[pair], known, update[n]);
      result[n] = multiply_add(in.read[pair], known, result[n]);
    }
  }
  barrier();  // the last may still be read
  UNROLL
  for (uint32_t n = 0; n < delta_own; ++n) {
    const uint32_t i = split + n * delta_splits;
    if (i >= chunk.count) continue;
    const uint64_t row = chunk.first + i;
    if (is_there) in.out[row * sizes.out_stride + column] = result[n];
    updates[i * delta_columns + c] =
        update[n] * in.rates[row * rate_stride + delta_remaining_at];
  }
  barrier();
  const float decay =
      in.rates[(chunk.first + chunk.count - 1) * rate_stride + delta_decay_at];
  for (uint32_t e = split; e < key_size; e += delta_splits) {
    float s = decay * state[e * delta_columns + c];
    for (uint32_t j = 0; j < chunk.count; ++j) {
      s = multiply_add(in.keys[(chunk.first + j) * key_stride + e], updates[j * delta_columns + c],
                       s);
    }
    state[e * delta_columns + c] = s;
  }
  barrier();
}

template <typename T>
DEVICE void delta_run_chunks(SIZES(GatedDeltaSizes) sizes, DeltaTokens in, GLOBAL(T) state,
                             uint32_t begin, uint32_t end, SHARED_POINTER(float) tile,
                             SHARED_POINTER(float) updates, uint32_t block,
                             uint32_t thread_index) {
  const uint32_t column = block * delta_columns + thread_index % delta_columns;
  const uint32_t split = thread_index / delta_columns;
  delta_load(tile, state, sizes, column, split);
  barrier();
  for (uint32_t first = begin; first < end; first += sizes.chunk) {
    const DeltaChunk chunk = {first, lesser(sizes.chunk, end - first)};
    delta_run_chunk(sizes, in, chunk, tile, updates, block, thread_index);
  }
  delta_store(tile, state, sizes, column, split);
}

#define GATED_DELTA_CHUNK_KERNEL(name, T)                                                       \
  KERNEL(name, GatedDeltaSizes, BUFFER(0, float, out), BUFFER(1, const float, v),               \
         BUFFER(2, T, state), BUFFER(3, const float, queries), BUFFER(4, const float, keys),    \
         BUFFER(5, const float, solve), BUFFER(6, const float, read),                           \
         BUFFER(7, const float, rates), BUFFER(8, const int32_t, segments),                     \
         BUFFER(9, const int32_t, slots)) {                                                     \
    SHARED(float, tile, delta_most_keys * delta_columns);                                       \
    SHARED(float, updates, delta_chunk * delta_columns);                                        \
    const uint32_t segment = BLOCK_X, head = BLOCK_Y;                                           \
    const uint32_t begin = uint32_t(segments[segment]), end = uint32_t(segments[segment + 1]);  \
    if (!delta_runs_in_chunks(sizes, end - begin)) return;                                      \
    const uint64_t keys_before = uint64_t(head) * sizes.key_size;                               \
    const uint64_t values_before = uint64_t(head) * sizes.value_size;                           \
    const DeltaTokens in = {out + values_before, v + values_before, queries + keys_before,      \
                            keys + keys_before, solve + head * delta_chunk,                     \
                            read + head * delta_chunk, rates + head * delta_rates};             \
    const uint64_t first =                                                                      \
        uint32_t(slots[segment]) * sizes.state_stride + keys_before * sizes.value_size;         \
    delta_run_chunks<T>(sizes, in, state + first, begin, end, tile, updates, BLOCK_Z, THREAD);  \
  }

GATED_DELTA_CHUNK_KERNEL(gated_delta_chunks_f32, float)
GATED_DELTA_CHUNK_KERNEL(gated_delta_chunks_bf16, bf16)
