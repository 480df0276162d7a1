// What the tokens of a chunk have to do with each other, for all chunks at once: a block for each
// chunk and head. The formulas stand in cpu/gated_delta_chunk.h. Its matrices are kept in the parts
// of split_products.h, and in the order in which lanes bring them.
// Sums of log(alpha) are never subtracted: where alpha is tiny, floats would lose the difference.
#pragma once

CONSTANT uint32_t delta_pair_words = delta_chunk * delta_chunk / 4;  // of a matrix of pairs
CONSTANT uint32_t delta_rates = 2 * delta_chunk;  // e^g and beta of each token
static_assert(delta_chunk == warp_size, "a lane has a column of the inverse");
static_assert(delta_chunk == 2 * matrix_outputs && block_warps == 4, "a warp has half a product");

// What the host makes room for: of each chunk and head.
DEVICE uint32_t delta_padded_keys(uint32_t key_size) {
  return (key_size + delta_warp_keys - 1) / delta_warp_keys * delta_warp_keys;
}
DEVICE uint32_t delta_key_words(uint32_t key_size) {
  return delta_padded_keys(key_size) * delta_chunk / 4;
}

// Tokens of a segment; none where there is no chunk of this number.
struct DeltaChunk {
  uint32_t first, count;
};

DEVICE uint32_t delta_first_number(SIZES(GatedDeltaSizes) sizes, GLOBAL(const int32_t) segments,
                                   uint32_t segment) {
  return uint32_t(segments[segment]) / sizes.chunk + segment;
}

// No two chunks have the same number, and those of a segment follow each other.
DEVICE DeltaChunk delta_chunk_of(SIZES(GatedDeltaSizes) sizes, GLOBAL(const int32_t) segments,
                                 uint32_t number) {
  uint32_t segment = 0, after = sizes.segments;  // the answer is in segment ... after - 1
  while (after - segment > 1) {
    const uint32_t middle = segment + (after - segment) / 2;
    if (delta_first_number(sizes, segments, middle) <= number) {
      segment = middle;
    } else {
      after = middle;
    }
  }
  const uint32_t begin = uint32_t(segments[segment]), end = uint32_t(segments[segment + 1]);
  const uint32_t earlier = number - delta_first_number(sizes, segments, segment);
  DeltaChunk chunk = {begin + earlier * sizes.chunk, 0};
  if (!delta_runs_in_chunks(sizes, end - begin) || chunk.first >= end) return chunk;
  chunk.count = lesser(sizes.chunk, end - chunk.first);
  return chunk;
}

// A token's query or key after SiLU, of unit length, times scale and split_unit; zeros after the
// last token. By a warp.
DEVICE void delta_split_vector(GLOBAL(uint4) to, GLOBAL(const float) from, uint32_t key_size,
                               uint32_t token, bool is_there, float scale, uint32_t lane) {
  constexpr uint32_t most_words = delta_most_keys / 4 / warp_size;
  float values[most_words][4];
  float squares = 0.0f;
  UNROLL
  for (uint32_t n = 0; n < most_words; ++n) {
    const uint32_t word = n * warp_size + lane;
    UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t column = word / 4 * split_columns + i / 2 * 8 + word % 4 * 2 + i % 2;
      const float y = is_there && column < key_size ? silu(from[column]) : 0.0f;
      values[n][i] = y;
      squares = multiply_add(y, y, squares);
    }
  }
  const float factor = split_unit * scale / sqrt(warp_sum(squares) + delta_norm_epsilon);
  UNROLL
  for (uint32_t n = 0; n < most_words; ++n) {
    const uint32_t word = n * warp_size + lane;
    if (word >= delta_padded_keys(key_size) / 4) continue;
    to[split_place(word / 4, delta_chunk, token, word % 4)] =
        split_four(values[n][0] * factor, values[n][1] * factor, values[n][2] * factor,
                   values[n][3] * factor);
  }
}

// What the threads of a block share.
struct DeltaPairsShared {
  SHARED_POINTER(float) log_alphas;  // [delta_chunk]
  SHARED_POINTER(float) betas;
  SHARED_POINTER(float) decays;  // [delta_chunk, delta_chunk], from a column's token to a row's
  SHARED_POINTER(float) solve;  // A, and then the inverse of I + A
};

// e to the sum of log(alpha) over tokens first ... end - 1.
DEVICE float delta_decay(SHARED_POINTER(float) log_alphas, uint32_t first, uint32_t end) {
  float sum = 0.0f;
  for (uint32_t t = first; t < end; ++t) sum += log_alphas[t];
  return exp(sum);
}

DEVICE void delta_fill_decays(DeltaPairsShared shared, GLOBAL(float) rates,
                              uint32_t thread_index) {
  for (uint32_t at = thread_index; at < delta_chunk * delta_chunk; at += block_size) {
    const uint32_t i = at / delta_chunk, j = at % delta_chunk;
    shared.decays[at] = j <= i ? delta_decay(shared.log_alphas, j + 1, i + 1) : 0.0f;
  }
  if (thread_index >= delta_chunk) return;
  rates[thread_index] = delta_decay(shared.log_alphas, 0, thread_index + 1);
  rates[delta_chunk + thread_index] = shared.betas[thread_index];
}

// Products of 16 tokens with those up to the last of them.
DEVICE DeltaTiles delta_products(GLOBAL(const uint4) from, GLOBAL(const uint4) keys,
                                 uint32_t key_size, uint32_t first, uint32_t lane) {
  DeltaTiles products = {};
  for (uint32_t unit = 0; unit < delta_padded_keys(key_size) / split_columns; ++unit) {
    const uint32_t place = split_place(unit, delta_chunk, lane_row(lane), lane_part(lane));
    const uint4 upper = from[place + first * 4], lower = from[place + (first + 8) * 4];
    UNROLL
    for (uint32_t n = 0; n < delta_tiles; ++n) {
      if (n * matrix_rows >= first + matrix_outputs) continue;
      products.at[n] = split_products(products.at[n], upper, lower,
                                      keys[place + n * matrix_rows * 4], lane);
    }
  }
  return delta_scaled(products, 1 / (split_unit * split_unit), 1 / (split_unit * split_unit));
}

DEVICE DeltaTiles delta_decayed(DeltaTiles products, SHARED_POINTER(float) decays, uint32_t first,
                                uint32_t lane) {
  UNROLL
  for (uint32_t i = 0; i < delta_tile_sums; ++i) {
    const uint32_t row = first + tile_row(lane, i % 4);
    const uint32_t column = i / 4 * matrix_rows + tile_column(lane, i % 4);
    products.at[i / 4].at[i % 4] *= decays[row * delta_chunk + column];
  }
  return products;
}

// A, from the products of keys.
DEVICE void delta_store_solve(DeltaPairsShared shared, DeltaTiles products, uint32_t first,
                              uint32_t lane) {
  UNROLL
  for (uint32_t i = 0; i < delta_tile_sums; ++i) {
    const uint32_t row = first + tile_row(lane, i % 4);
    const uint32_t column = i / 4 * matrix_rows + tile_column(lane, i % 4);
    shared.solve[row * delta_chunk + column] = shared.betas[row] * products.at[i / 4].at[i % 4];
  }
}

// P, from the products of queries with keys.
DEVICE void delta_store_read(GLOBAL(uint4) read, DeltaTiles products, uint32_t first,
                             uint32_t lane) {
  const DeltaLeft rows = delta_left(delta_scaled(products, split_unit, split_unit));
  UNROLL
  for (uint32_t unit = 0; unit < delta_units; ++unit) {
    const uint32_t to = split_place(unit, delta_chunk, first + lane_row(lane), lane_part(lane));
    read[to] = rows.upper[unit];
    read[to + 8 * 4] = rows.lower[unit];
  }
}

// The column of the inverse of I + A that is a lane's, by substitution.
struct DeltaColumn {
  float at[delta_chunk];
};

DEVICE DeltaColumn delta_invert(SHARED_POINTER(float) solve, uint32_t lane) {
  DeltaColumn column;
  UNROLL
  for (uint32_t i = 0; i < delta_chunk; ++i) {
    float x = i == lane ? 1.0f : 0.0f;
    UNROLL
    for (uint32_t j = 0; j < delta_chunk; ++j) {
      if (j < i) x = multiply_add(-solve[i * delta_chunk + j], column.at[j], x);
    }
    column.at[i] = x;
  }
  return column;
}

// Keys again, with the tokens as columns, and each times what remains of it after the last token.
DEVICE void delta_turn_keys(GLOBAL(uint4) across, GLOBAL(const uint4) keys, uint32_t key_size,
                            SHARED_POINTER(float) remaining, uint32_t first, uint32_t step) {
  const uint32_t rows = delta_padded_keys(key_size);
  for (uint32_t word = first; word < delta_key_words(key_size); word += step) {
    const uint32_t part = word % 4, row = word / 4 % rows, unit = word / 4 / rows;
    float values[4];
    UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t token = unit * split_columns + i / 2 * 8 + part * 2 + i % 2;
      const uint4 key = keys[split_place(row / split_columns, delta_chunk, token, row % 8 / 2)];
      values[i] = split_value(key, row / 8 % 2 * 2 + row % 2) * remaining[token];
    }
    across[word] = split_four(values[0], values[1], values[2], values[3]);
  }
}

// The inverse, to be multiplied with; and the keys, meanwhile.
DEVICE void delta_finish(DeltaPairsShared shared, GLOBAL(uint4) inverse, GLOBAL(uint4) across,
                         GLOBAL(const uint4) keys, uint32_t key_size, uint32_t thread_index) {
  const bool inverts = thread_index < warp_size;
  DeltaColumn column = {};
  if (inverts) {
    column = delta_invert(shared.solve, thread_index);
  } else {
    delta_turn_keys(across, keys, key_size, shared.decays + (delta_chunk - 1) * delta_chunk,
                    thread_index - warp_size, block_size - warp_size);
  }
  barrier();  // A may still be read
  UNROLL
  for (uint32_t i = 0; i < delta_chunk; ++i) {
    if (inverts) shared.solve[i * delta_chunk + thread_index] = column.at[i] * split_unit;
  }
  barrier();
  for (uint32_t word = thread_index; word < delta_pair_words; word += block_size) {
    const uint32_t part = word % 4, row = word / 4 % delta_chunk, unit = word / 4 / delta_chunk;
    const uint32_t at = row * delta_chunk + unit * split_columns + part * 2;
    inverse[word] = split_four(shared.solve[at], shared.solve[at + 1], shared.solve[at + 8],
                               shared.solve[at + 9]);
  }
}

// `vectors` has queries, keys, and keys across of each chunk and head; `pairs` the inverse of
// I + A, and P.
KERNEL(delta_pairs, GatedDeltaSizes, BUFFER(0, uint4, vectors), BUFFER(1, uint4, pairs),
       BUFFER(2, float, rates), BUFFER(3, const float, q), BUFFER(4, const float, k),
       BUFFER(5, const float, a), BUFFER(6, const float, b), BUFFER(7, const float, a_log),
       BUFFER(8, const float, dt_bias), BUFFER(9, const int32_t, segments)) {
  SHARED(float, log_alphas, delta_chunk);
  SHARED(float, betas, delta_chunk);
  SHARED(float, decays, delta_chunk * delta_chunk);
  SHARED(float, solve, delta_chunk * delta_chunk);
  const DeltaPairsShared shared = {log_alphas, betas, decays, solve};
  const uint32_t head = BLOCK_Y, key_size = sizes.key_size;
  const uint32_t lane = THREAD % warp_size, warp = THREAD / warp_size;
  const DeltaChunk chunk = delta_chunk_of(sizes, segments, BLOCK_X);
  if (!chunk.count) return;
  const uint64_t place = uint64_t(BLOCK_X) * sizes.heads + head;
  const uint32_t words = delta_key_words(key_size);
  GLOBAL(uint4) queries = vectors + place * 3 * words;
  GLOBAL(uint4) keys = queries + words;
  GLOBAL(uint4) inverse = pairs + place * 2 * delta_pair_words;
  for (uint32_t token = warp; token < delta_chunk; token += block_warps) {
    const bool is_there = token < chunk.count;
    const uint32_t row = chunk.first + (is_there ? token : 0);
    delta_split_vector(queries, q + (row * sizes.q_stride + head * key_size), key_size, token,
                       is_there, 1.0f / sqrt(float(key_size)), lane);
    delta_split_vector(keys, k + (row * sizes.k_stride + head * key_size), key_size, token,
                       is_there, 1.0f, lane);
  }
  if (warp == 0) {  // each lane a token; after the last, nothing decays or is added
    const bool is_there = lane < chunk.count;
    const uint32_t row = chunk.first + (is_there ? lane : 0);
    const float log_alpha =
        delta_log_alpha(a[row * sizes.a_stride + head], a_log[head], dt_bias[head]);
    log_alphas[lane] = is_there ? log_alpha : 0.0f;
    betas[lane] = is_there ? sigmoid(b[row * sizes.b_stride + head]) : 0.0f;
  }
  barrier();
  delta_fill_decays(shared, rates + place * delta_rates, THREAD);
  barrier();
  const bool is_read = warp % 2 != 0;
  const uint32_t first = warp / 2 * matrix_outputs;
  const DeltaTiles products = delta_decayed(
      delta_products(is_read ? queries : keys, keys, key_size, first, lane), decays, first, lane);
  if (is_read) {
    delta_store_read(inverse + delta_pair_words, products, first, lane);
  } else {
    delta_store_solve(shared, products, first, lane);
  }
  barrier();
  delta_finish(shared, inverse, keys + words, keys, key_size, THREAD);
}
