// The gated delta rule many tokens at a time, for segments that are longer than a few: the formulas
// stand in cpu/gated_delta_chunk.h, and what is known before the state in gated_delta_pairs.h. A
// block takes a few columns of a head's state from chunk to chunk; each of its warps has them for
// some of the keys, in registers, as sums whose rows are the columns. Updates and outputs stand the
// same way, so that what was summed up is multiplied next without a lane asking another for it.
#pragma once

CONSTANT uint32_t delta_most_warps = delta_most_keys / delta_warp_keys;
static_assert(CT_DELTA_CHUNK_COLUMNS == matrix_outputs, "the columns are the rows of a product");

// Where a thread stands, and the first of its columns.
struct DeltaChunkPlace {
  uint32_t lane, warp, warps, column;
};

// What a block has at its head, and the tokens of its segment.
struct DeltaSegment {
  GLOBAL(float) out;
  GLOBAL(const float) v;
  GLOBAL(const uint4) vectors;
  GLOBAL(const uint4) pairs;
  GLOBAL(const float) rates;
  uint32_t head, begin, end, number;  // of its first chunk
};

// What gated_delta_pairs.h made of a chunk.
struct DeltaMatrices {
  GLOBAL(const uint4) queries;
  GLOBAL(const uint4) keys;
  GLOBAL(const uint4) across;
  GLOBAL(const uint4) inverse;
  GLOBAL(const uint4) read;
  GLOBAL(const float) rates;
};

DEVICE DeltaMatrices delta_matrices(SIZES(GatedDeltaSizes) sizes, DeltaSegment segment,
                                    uint32_t number, uint32_t warp) {
  const uint64_t place = uint64_t(number) * sizes.heads + segment.head;
  const uint32_t words = delta_key_words(sizes.key_size);
  const uint32_t own = split_place(warp * delta_units, delta_chunk, 0, 0);
  GLOBAL(const uint4) queries = segment.vectors + place * 3 * words;
  GLOBAL(const uint4) inverse = segment.pairs + place * 2 * delta_pair_words;
  const DeltaMatrices matrices = {queries + own, queries + (words + own), queries + 2 * words,
                                  inverse, inverse + delta_pair_words,
                                  segment.rates + place * delta_rates};
  return matrices;
}

// Where a lane's values and outputs of a chunk begin, and where element i is from there.
DEVICE uint64_t delta_value_place(uint64_t stride, uint32_t first, DeltaChunkPlace place) {
  return (first + tile_column(place.lane, 0)) * stride + place.column + tile_row(place.lane, 0);
}
DEVICE uint64_t delta_value_step(uint64_t stride, uint32_t i) {
  return (i / 4 * matrix_rows + i % 2) * stride + i % 4 / 2 * 8;
}
DEVICE bool delta_has_value(SIZES(GatedDeltaSizes) sizes, DeltaSegment segment, uint32_t first,
                            uint32_t i, DeltaChunkPlace place) {
  const uint32_t token = i / 4 * matrix_rows + tile_column(place.lane, i % 4);
  return token < lesser(sizes.chunk, segment.end - first) &&
         place.column + tile_row(place.lane, i % 4) < sizes.value_size;
}

// What the first product takes, and values: on their way while the chunk before is computed.
struct DeltaNext {
  DeltaRight keys;
  DeltaTiles values;
};

DEVICE DeltaNext delta_next(SIZES(GatedDeltaSizes) sizes, DeltaSegment segment, DeltaMatrices in,
                            uint32_t first, DeltaChunkPlace place) {
  DeltaNext next = {};
  if (first >= segment.end) return next;
  next.keys = delta_right(in.keys, delta_chunk, 0, false, place.lane);
  GLOBAL(const float) v = segment.v + delta_value_place(sizes.v_stride, first, place);
  UNROLL
  for (uint32_t i = 0; i < delta_tile_sums; ++i) {
    if (!delta_has_value(sizes, segment, first, i, place)) continue;
    next.values.at[i / 4].at[i % 4] = v[delta_value_step(sizes.v_stride, i)];
  }
  return next;
}

// The sums of all warps' keys are added up by whoever needs them, always in the same order.
DEVICE void delta_share(SHARED_POINTER(float) partials, DeltaTiles sums, DeltaChunkPlace place) {
  UNROLL
  for (uint32_t i = 0; i < delta_tile_sums; ++i) {
    const uint32_t to = (place.warp * delta_tile_sums + i) * warp_size + place.lane;
    partials[to] = sums.at[i / 4].at[i % 4];
  }
}

// A tile of tokens is one warp's to write.
DEVICE bool delta_writes(uint32_t tile, DeltaChunkPlace place) {
  return tile % place.warps == place.warp;
}

DEVICE DeltaTiles delta_shared_sums(SHARED_POINTER(float) partials, bool to_write,
                                    DeltaChunkPlace place) {
  DeltaTiles sums = {};
  for (uint32_t warp = 0; warp < place.warps; ++warp) {
    UNROLL
    for (uint32_t i = 0; i < delta_tile_sums; ++i) {
      if (to_write && !delta_writes(i / 4, place)) continue;
      sums.at[i / 4].at[i % 4] +=
          partials[(warp * delta_tile_sums + i) * warp_size + place.lane];
    }
  }
  return sums;
}

// beta (v - e^g S^T k) of each token.
DEVICE DeltaTiles delta_targets(DeltaTiles values, GLOBAL(const float) rates,
                                SHARED_POINTER(float) partials, DeltaChunkPlace place) {
  const DeltaTiles known = delta_shared_sums(partials, false, place);
  UNROLL
  for (uint32_t i = 0; i < delta_tile_sums; ++i) {
    const uint32_t token = i / 4 * matrix_rows + tile_column(place.lane, i % 4);
    const float rest = values.at[i / 4].at[i % 4] - rates[token] * known.at[i / 4].at[i % 4];
    values.at[i / 4].at[i % 4] = rates[delta_chunk + token] * rest;
  }
  return values;
}

// What the updates add to the outputs of the warp's tiles.
DEVICE DeltaTiles delta_added(DeltaLeft updates, GLOBAL(const uint4) read, DeltaChunkPlace place) {
  DeltaTiles sums = {};
  UNROLL
  for (uint32_t n = 0; n < delta_tiles; ++n) {
    if (!delta_writes(n, place)) continue;
    UNROLL
    for (uint32_t unit = 0; unit < delta_units; ++unit) {
      if (!delta_has(true, n, unit)) continue;
      const uint32_t row = n * matrix_rows + lane_row(place.lane);
      sums.at[n] = split_products(sums.at[n], updates.upper[unit], updates.lower[unit],
                                  read[split_place(unit, delta_chunk, row, lane_part(place.lane))],
                                  place.lane);
    }
  }
  return sums;
}

DEVICE void delta_write_chunk(SIZES(GatedDeltaSizes) sizes, DeltaSegment segment, uint32_t first,
                              DeltaTiles added, GLOBAL(const float) rates,
                              SHARED_POINTER(float) partials, DeltaChunkPlace place) {
  const DeltaTiles known = delta_shared_sums(partials, true, place);
  GLOBAL(float) out = segment.out + delta_value_place(sizes.out_stride, first, place);
  UNROLL
  for (uint32_t i = 0; i < delta_tile_sums; ++i) {
    if (!delta_writes(i / 4, place)) continue;
    if (!delta_has_value(sizes, segment, first, i, place)) continue;
    const uint32_t token = i / 4 * matrix_rows + tile_column(place.lane, i % 4);
    out[delta_value_step(sizes.out_stride, i)] =
        multiply_add(rates[token], known.at[i / 4].at[i % 4], added.at[i / 4].at[i % 4]);
  }
}

// The block's columns of the state after its segment.
DEVICE DeltaTiles delta_run_chunks(SIZES(GatedDeltaSizes) sizes, DeltaSegment segment,
                                   DeltaTiles state, SHARED_POINTER(float) partials,
                                   DeltaChunkPlace place) {
  const uint32_t lane = place.lane, keys = delta_padded_keys(sizes.key_size);
  uint32_t number = segment.number;
  DeltaMatrices in = delta_matrices(sizes, segment, number, place.warp);
  DeltaNext next = delta_next(sizes, segment, in, segment.begin, place);
  for (uint32_t first = segment.begin; first < segment.end; first += sizes.chunk) {
    const DeltaRight queries = delta_right(in.queries, delta_chunk, 0, false, lane);
    const DeltaScales scales = delta_scales(state);
    const DeltaLeft before = delta_left(scaled_up(state, scales));
    delta_share(partials, scaled_down(delta_multiply(before, next.keys, false, lane), scales),
                place);
    const DeltaTiles by_query =
        scaled_down(delta_multiply(before, queries, false, lane), scales);
    const DeltaRight inverse = delta_right(in.inverse, delta_chunk, 0, true, lane);
    barrier();
    const DeltaTiles targets = delta_targets(next.values, in.rates, partials, place);
    const DeltaMatrices in_next = delta_matrices(sizes, segment, ++number, place.warp);
    next = delta_next(sizes, segment, in_next, first + sizes.chunk, place);
    const DeltaRight across =
        delta_right(in.across, keys, place.warp * delta_warp_keys, false, lane);
    barrier();  // the sums of keys may still be read
    delta_share(partials, by_query, place);
    // No element of the inverse is above 1: no update is above 32 times the greatest target.
    const DeltaScales target_scales = delta_scales(targets);
    const DeltaTiles updates =
        delta_multiply(delta_left(scaled_up(targets, target_scales)), inverse, true, lane);
    const DeltaLeft known = delta_left(delta_scaled(updates, 1 / split_unit, 1 / split_unit));
    const DeltaTiles changes =
        scaled_down(delta_multiply(known, across, false, lane), target_scales);
    // Not in the sums of a matrix instruction, which may cut off instead of rounding.
    const float decay = in.rates[delta_chunk - 1];
    UNROLL
    for (uint32_t i = 0; i < delta_tile_sums; ++i) {
      state.at[i / 4].at[i % 4] =
          multiply_add(decay, state.at[i / 4].at[i % 4], changes.at[i / 4].at[i % 4]);
    }
    const DeltaTiles added = scaled_down(delta_added(known, in.read, place), target_scales);
    barrier();
    delta_write_chunk(sizes, segment, first, added, in.rates, partials, place);
    barrier();  // the sums of queries may still be read
    in = in_next;
  }
  return state;
}

// Where element i of a lane stands in a head's state.
struct DeltaStatePlace {
  uint64_t at;
  bool is_there;
};

DEVICE DeltaStatePlace delta_state_place(SIZES(GatedDeltaSizes) sizes, uint32_t i,
                                         DeltaChunkPlace place) {
  const uint32_t column = place.column + tile_row(place.lane, i % 4);
  const uint32_t row =
      place.warp * delta_warp_keys + i / 4 * matrix_rows + tile_column(place.lane, i % 4);
  const DeltaStatePlace state_place = {row * uint64_t(sizes.value_size) + column,
                                       row < sizes.key_size && column < sizes.value_size};
  return state_place;
}

template <typename T>
DEVICE void delta_run_segment(SIZES(GatedDeltaSizes) sizes, DeltaSegment segment,
                              GLOBAL(T) outside, SHARED_POINTER(float) partials,
                              DeltaChunkPlace place) {
  DeltaTiles state = {};
  UNROLL
  for (uint32_t i = 0; i < delta_tile_sums; ++i) {
    const DeltaStatePlace from = delta_state_place(sizes, i, place);
    if (from.is_there) state.at[i / 4].at[i % 4] = to_float(outside[from.at]);
  }
  state = delta_run_chunks(sizes, segment, state, partials, place);
  UNROLL
  for (uint32_t i = 0; i < delta_tile_sums; ++i) {
    const DeltaStatePlace to = delta_state_place(sizes, i, place);
    if (to.is_there) outside[to.at] = from_float<T>(state.at[i / 4].at[i % 4]);
  }
}

#define GATED_DELTA_CHUNK_KERNEL(name, T)                                                       \
  KERNEL(name, GatedDeltaSizes, BUFFER(0, float, out), BUFFER(1, const float, v),               \
         BUFFER(2, T, state), BUFFER(3, const uint4, vectors), BUFFER(4, const uint4, pairs),   \
         BUFFER(5, const float, rates), BUFFER(6, const int32_t, segments),                     \
         BUFFER(7, const int32_t, slots)) {                                                     \
    SHARED(float, partials, delta_most_warps * delta_tile_sums * warp_size);                    \
    const uint32_t index = BLOCK_X, head = BLOCK_Y;                                             \
    const uint32_t begin = uint32_t(segments[index]), end = uint32_t(segments[index + 1]);      \
    if (!delta_runs_in_chunks(sizes, end - begin)) return;                                      \
    const uint64_t columns = uint64_t(head) * sizes.value_size;                                 \
    const DeltaSegment segment = {out + columns, v + columns, vectors, pairs, rates, head,      \
                                  begin, end, delta_first_number(sizes, segments, index)};      \
    const uint32_t warps = delta_padded_keys(sizes.key_size) / delta_warp_keys;                 \
    const DeltaChunkPlace place = {THREAD % warp_size, THREAD / warp_size, warps,               \
                                   BLOCK_Z * matrix_outputs};                                   \
    const uint64_t first =                                                                      \
        uint32_t(slots[index]) * sizes.state_stride + columns * sizes.key_size;                 \
    delta_run_segment<T>(sizes, segment, state + first, partials, place);                       \
  }

GATED_DELTA_CHUNK_KERNEL(gated_delta_chunks_f32, float)
GATED_DELTA_CHUNK_KERNEL(gated_delta_chunks_bf16, bf16)
