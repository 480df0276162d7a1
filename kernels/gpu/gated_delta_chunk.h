// The gated delta rule many tokens at a time, for segments that are longer than a few: the formulas
// stand in cpu/gated_delta_chunk.h, and what is known before the state in gated_delta_pairs.h. A
// block takes a few columns of a head's state from chunk to chunk; each of its warps has them for
// some of the keys, in registers, as the sums of a product, whose rows are the columns. So do the
// updates stand, and what is summed up is multiplied next without a lane asking another for it.
#pragma once

CONSTANT uint32_t delta_most_warps = delta_most_keys / delta_warp_keys;
CONSTANT uint32_t delta_chunk_columns = CT_DELTA_CHUNK_COLUMNS;
static_assert(delta_chunk_columns == matrix_outputs, "the columns are the rows of a product");
static_assert(delta_warp_keys == delta_chunk, "as many tiles of keys as of tokens");

// DeltaTiles, to be multiplied.
struct DeltaSplitTiles {
  uint4 upper[delta_units], lower[delta_units];
};

// Of a lane's two columns.
struct DeltaScales {
  SplitScale upper, lower;
};

// Every lane of a row gets the greatest.
DEVICE float row_greatest(float x) {
  x = greater(x, shuffle_xor(x, lane_at(0, 1)));
  return greater(x, shuffle_xor(x, lane_at(0, 2)));
}

DEVICE DeltaScales delta_scales(DeltaTiles tiles) {
  float upper = 0.0f, lower = 0.0f;
  UNROLL
  for (uint32_t n = 0; n < delta_tiles; ++n) {
    const MatrixSums x = tiles.at[n];
    upper = greater(upper, greater(fabs(x.at[0]), fabs(x.at[1])));
    lower = greater(lower, greater(fabs(x.at[2]), fabs(x.at[3])));
  }
  DeltaScales scales;
  scales.upper = split_scale(row_greatest(upper));
  scales.lower = split_scale(row_greatest(lower));
  return scales;
}

DEVICE DeltaTiles delta_scaled(DeltaTiles tiles, float upper, float lower) {
  UNROLL
  for (uint32_t n = 0; n < delta_tiles; ++n) {
    UNROLL
    for (uint32_t i = 0; i < 4; ++i) tiles.at[n].at[i] *= i < 2 ? upper : lower;
  }
  return tiles;
}

DEVICE DeltaSplitTiles delta_split(DeltaTiles tiles) {
  DeltaSplitTiles split;
  UNROLL
  for (uint32_t unit = 0; unit < delta_units; ++unit) {
    const MatrixSums x = tiles.at[2 * unit], y = tiles.at[2 * unit + 1];
    split.upper[unit] = split_four(x.at[0], x.at[1], y.at[0], y.at[1]);
    split.lower[unit] = split_four(x.at[2], x.at[3], y.at[2], y.at[3]);
  }
  return split;
}

// What a lane brings of 32 rows of a matrix.
struct DeltaRows {
  uint4 at[delta_tiles][delta_units];
};

// From `first` on, of `rows`; of a triangle what is not above its diagonal.
DEVICE DeltaRows delta_rows(GLOBAL(const uint4) from, uint32_t rows, uint32_t first,
                            bool is_triangle, uint32_t lane) {
  DeltaRows part;
  UNROLL
  for (uint32_t n = 0; n < delta_tiles; ++n) {
    UNROLL
    for (uint32_t unit = 0; unit < delta_units; ++unit) {
      if (is_triangle && unit > n / 2) continue;
      part.at[n][unit] = from[split_place(unit, rows, first + n * matrix_rows + lane_row(lane),
                                          lane_part(lane))];
    }
  }
  return part;
}

DEVICE DeltaTiles delta_multiply(DeltaSplitTiles x, DeltaRows rows, bool is_triangle,
                                 uint32_t lane) {
  DeltaTiles sums = {};
  UNROLL
  for (uint32_t unit = 0; unit < delta_units; ++unit) {
    UNROLL
    for (uint32_t n = 0; n < delta_tiles; ++n) {
      if (is_triangle && unit > n / 2) continue;
      sums.at[n] =
          split_products(sums.at[n], x.upper[unit], x.lower[unit], rows.at[n][unit], lane);
    }
  }
  return sums;
}

// Where a thread stands, and the first of its columns.
struct DeltaPlace {
  uint32_t lane, warp, warps, column;
};

// The warps' sums of a tile of tokens are added up by whoever asks, always in the same order.
DEVICE void delta_share(SHARED_POINTER(float) partials, DeltaTiles sums, DeltaPlace place) {
  UNROLL
  for (uint32_t i = 0; i < delta_tiles * 4; ++i) {
    partials[(place.warp * delta_tiles * 4 + i) * warp_size + place.lane] = sums.at[i / 4].at[i % 4];
  }
}

DEVICE MatrixSums delta_shared_sums(SHARED_POINTER(float) partials, uint32_t tile,
                                    DeltaPlace place) {
  MatrixSums sums = {};
  for (uint32_t warp = 0; warp < place.warps; ++warp) {
    UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      sums.at[i] +=
          partials[((warp * delta_tiles + tile) * 4 + i) * warp_size + place.lane];
    }
  }
  return sums;
}

// What a block has at its head: of all tokens, and of the chunk that comes next.
struct DeltaTokens {
  GLOBAL(float) out;
  GLOBAL(const float) v;
};
struct DeltaMatrices {
  GLOBAL(const uint4) queries;
  GLOBAL(const uint4) keys;
  GLOBAL(const uint4) across;
  GLOBAL(const uint4) inverse;
  GLOBAL(const uint4) read;
  GLOBAL(const float) rates;
};

DEVICE DeltaMatrices delta_matrices(SIZES(GatedDeltaSizes) sizes, GLOBAL(const uint4) vectors,
                                    GLOBAL(const uint4) pairs, GLOBAL(const float) rates,
                                    uint32_t number, uint32_t head) {
  const uint64_t place = uint64_t(number) * sizes.heads + head;
  const uint32_t words = delta_key_words(sizes.key_size);
  GLOBAL(const uint4) queries = vectors + place * 3 * words;
  GLOBAL(const uint4) inverse = pairs + place * 2 * delta_pair_words;
  const DeltaMatrices matrices = {queries, queries + words, queries + 2 * words, inverse,
                                  inverse + delta_pair_words, rates + place * delta_rates};
  return matrices;
}

DEVICE DeltaTiles delta_values(SIZES(GatedDeltaSizes) sizes, GLOBAL(const float) v,
                               DeltaChunk chunk, DeltaPlace place) {
  DeltaTiles values = {};
  UNROLL
  for (uint32_t i = 0; i < delta_tiles * 4; ++i) {
    const uint32_t token = i / 4 * matrix_rows + tile_column(place.lane, i % 4);
    const uint32_t column = place.column + tile_row(place.lane, i % 4);
    if (token >= chunk.count || column >= sizes.value_size) continue;
    values.at[i / 4].at[i % 4] = v[(chunk.first + token) * sizes.v_stride + column];
  }
  return values;
}

// The outputs of a tile of tokens, from what the state has and what the updates add.
DEVICE void delta_write(SIZES(GatedDeltaSizes) sizes, GLOBAL(float) out, DeltaChunk chunk,
                        uint32_t tile, MatrixSums results, DeltaPlace place) {
  UNROLL
  for (uint32_t i = 0; i < 4; ++i) {
    const uint32_t token = tile * matrix_rows + tile_column(place.lane, i);
    const uint32_t column = place.column + tile_row(place.lane, i);
    if (token >= chunk.count || column >= sizes.value_size) continue;
    out[(chunk.first + token) * sizes.out_stride + column] = results.at[i];
  }
}

// One chunk; returns the state after it.
DEVICE DeltaTiles delta_run_chunk(SIZES(GatedDeltaSizes) sizes, DeltaTokens tokens,
                                  DeltaMatrices in, DeltaChunk chunk, DeltaTiles state,
                                  SHARED_POINTER(float) partials, DeltaPlace place) {
  const uint32_t own_units = place.warp * delta_units;
  const uint32_t key_place = own_units * delta_chunk * 4;
  const DeltaRows keys = delta_rows(in.keys + key_place, delta_chunk, 0, false, place.lane);
  const DeltaRows queries = delta_rows(in.queries + key_place, delta_chunk, 0, false, place.lane);
  const DeltaTiles values = delta_values(sizes, tokens.v, chunk, place);
  const DeltaScales scales = delta_scales(state);
  const DeltaSplitTiles split = delta_split(delta_scaled(state, scales.upper.up, scales.lower.up));
  const DeltaTiles by_key = delta_multiply(split, keys, false, place.lane);
  const DeltaRows inverse = delta_rows(in.inverse, delta_chunk, 0, true, place.lane);
  delta_share(partials, delta_scaled(by_key, scales.upper.down, scales.lower.down), place);
  const DeltaTiles by_query = delta_scaled(delta_multiply(split, queries, false, place.lane),
                                           scales.upper.down, scales.lower.down);
  barrier();
  DeltaTiles updates;
  UNROLL
  for (uint32_t n = 0; n < delta_tiles; ++n) {
    const MatrixSums sums = delta_shared_sums(partials, n, place);
    UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t token = n * matrix_rows + tile_column(place.lane, i);
      updates.at[n].at[i] = in.rates[delta_chunk + token] *
                            (values.at[n].at[i] - in.rates[token] * sums.at[i]);
    }
  }
  barrier();
  delta_share(partials, by_query, place);
  // The inverse has no element above 1, so no update is more than 32 times the greatest of these.
  const DeltaScales own = delta_scales(updates);
  updates = delta_multiply(delta_split(delta_scaled(updates, own.upper.up, own.lower.up)), inverse,
                           true, place.lane);
  const DeltaSplitTiles known =
      delta_split(delta_scaled(updates, 1.0f / split_unit, 1.0f / split_unit));
  const DeltaRows across = delta_rows(in.across, delta_padded_keys(sizes.key_size),
                                      place.warp * delta_warp_keys, false, place.lane);
  const DeltaTiles changes = delta_scaled(delta_multiply(known, across, false, place.lane),
                                          own.upper.down, own.lower.down);
  const float decay = in.rates[delta_chunk - 1];
  UNROLL
  for (uint32_t i = 0; i < delta_tiles * 4; ++i) {
    state.at[i / 4].at[i % 4] =
        multiply_add(decay, state.at[i / 4].at[i % 4], changes.at[i / 4].at[i % 4]);
  }
  barrier();
  for (uint32_t tile = place.warp; tile < delta_tiles; tile += place.warps) {
    MatrixSums read = {};
    for (uint32_t unit = 0; unit <= tile / 2; ++unit) {
      const uint32_t row = tile * matrix_rows + lane_row(place.lane);
      const uint4 from = in.read[split_place(unit, delta_chunk, row, lane_part(place.lane))];
      const bool is_first = unit == 0;
      read = split_products(read, is_first ? known.upper[0] : known.upper[1],
                            is_first ? known.lower[0] : known.lower[1], from, place.lane);
    }
    MatrixSums results = delta_shared_sums(partials, tile, place);
    UNROLL
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t token = tile * matrix_rows + tile_column(place.lane, i);
      const float down = i < 2 ? own.upper.down : own.lower.down;
      results.at[i] = multiply_add(in.rates[token], results.at[i], read.at[i] * down);
    }
    delta_write(sizes, tokens.out, chunk, tile, results, place);
  }
  barrier();
  return state;
}

// Where element i of a lane stands in a head's state; a place after its last where there is none.
DEVICE uint64_t delta_state_place(SIZES(GatedDeltaSizes) sizes, uint32_t i, DeltaPlace place) {
  const uint32_t column = place.column + tile_row(place.lane, i % 4);
  const uint32_t row = place.warp * delta_warp_keys + i / 4 * matrix_rows +
                       tile_column(place.lane, i % 4);
  const bool is_there = row < sizes.key_size && column < sizes.value_size;
  return uint64_t(is_there ? row : sizes.key_size) * sizes.value_size + (is_there ? column : 0);
}

template <typename T>
DEVICE void delta_run_chunks(SIZES(GatedDeltaSizes) sizes, DeltaTokens tokens,
                             GLOBAL(const uint4) vectors, GLOBAL(const uint4) pairs,
                             GLOBAL(const float) rates, GLOBAL(const int32_t) segments,
                             GLOBAL(T) outside, uint32_t segment, uint32_t head,
                             SHARED_POINTER(float) partials, DeltaPlace place) {
  const uint64_t end_place = uint64_t(sizes.key_size) * sizes.value_size;
  DeltaTiles state = {};
  UNROLL
  for (uint32_t i = 0; i < delta_tiles * 4; ++i) {
    const uint64_t at = delta_state_place(sizes, i, place);
    if (at < end_place) state.at[i / 4].at[i % 4] = to_float(outside[at]);
  }
  uint32_t number = delta_first_number(sizes, segments, segment);
  const uint32_t end = uint32_t(segments[segment + 1]);
  for (uint32_t first = uint32_t(segments[segment]); first < end; first += sizes.chunk) {
    const DeltaChunk chunk = {first, lesser(sizes.chunk, end - first)};
    const DeltaMatrices in = delta_matrices(sizes, vectors, pairs, rates, number, head);
    state = delta_run_chunk(sizes, tokens, in, chunk, state, partials, place);
    ++number;
  }
  UNROLL
  for (uint32_t i = 0; i < delta_tiles * 4; ++i) {
    const uint64_t at = delta_state_place(sizes, i, place);
    if (at < end_place) outside[at] = from_float<T>(state.at[i / 4].at[i % 4]);
  }
}

#define GATED_DELTA_CHUNK_KERNEL(name, T)                                                        \
  KERNEL(name, GatedDeltaSizes, BUFFER(0, float, out), BUFFER(1, const float, v),                \
         BUFFER(2, T, state), BUFFER(3, const uint4, vectors), BUFFER(4, const uint4, pairs),    \
         BUFFER(5, const float, rates), BUFFER(6, const int32_t, segments),                      \
         BUFFER(7, const int32_t, slots)) {                                                      \
    SHARED(float, partials, delta_most_warps * delta_tiles * 4 * warp_size);                     \
    const uint32_t segment = BLOCK_X, head = BLOCK_Y;                                            \
    const uint32_t tokens_count = uint32_t(segments[segment + 1] - segments[segment]);           \
    if (!delta_runs_in_chunks(sizes, tokens_count)) return;                                      \
    const uint64_t values_before = uint64_t(head) * sizes.value_size;                            \
    const DeltaTokens tokens = {out + values_before, v + values_before};                         \
    const uint64_t first =                                                                       \
        uint32_t(slots[segment]) * sizes.state_stride + values_before * sizes.key_size;          \
    const DeltaPlace place = {THREAD % warp_size, THREAD / warp_size,                            \
                              delta_padded_keys(sizes.key_size) / delta_warp_keys,               \
                              BLOCK_Z * delta_chunk_columns};                                    \
    delta_run_chunks<T>(sizes, tokens, vectors, pairs, rates, segments, state + first, segment,  \
                        head, partials, place);                                                  \
  }

GATED_DELTA_CHUNK_KERNEL(gated_delta_chunks_f32, float)
GATED_DELTA_CHUNK_KERNEL(gated_delta_chunks_bf16, bf16)
