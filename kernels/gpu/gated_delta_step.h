// The gated delta rule token by token. A block has delta_columns columns of a head's state, in
// registers: each is read once and written once, however many tokens there are. With S before a
// token, and k and q made unit vectors by the factors of their lengths,
//   change = beta * (v - alpha * S'k),   out = alpha * S'q + (k'q) change
// and the new state is alpha * S + k change'. So one pass over the state gives both products, and
// no sum waits for the new state.
#pragma once
#include "wide.h"

// How the threads of a block share its columns of a state of T: beside each other as many lanes as
// a row has 16 bytes, of which each has every splits-th row.
template <typename T, uint32_t most_keys>
struct DeltaShape {
  using Element = T;
  enum : uint32_t {
    columns = 16 / sizeof(T),  // of a thread
    lanes = delta_columns / columns,
    splits = block_size / lanes,
    rows = most_keys / splits,  // of a thread, at most
    sums = 2 * columns,  // of a thread: those by the key, and those by the query
  };
  static_assert(uint32_t(sums) == warp_size / uint32_t(lanes), "each lane is left with one sum");
};

// A thread's part of a state, a word of 16 bytes for each of its rows.
template <typename Shape>
struct DeltaWords {
  uint4 at[Shape::rows];
};

template <typename Shape>
struct DeltaState {
  Wide<typename Shape::Element> at[Shape::rows];
};

// What the threads of a block share.
struct DeltaStepShared {
  SHARED_POINTER(float) query;  // [key_size], not yet of unit length
  SHARED_POINTER(float) key;
  SHARED_POINTER(float) products;  // [block_warps, 3]
  SHARED_POINTER(float) sums;  // [block_warps, 2, delta_columns]
};

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

// What a thread knows of a token.
template <typename Shape>
struct DeltaToken {
  float alpha, beta;
  float values[Shape::columns];
};

// Where a thread stands: its first column, and its first row.
struct DeltaPlace {
  uint32_t column, split;
};

template <typename Shape>
DEVICE DeltaWords<Shape> delta_read(SIZES(GatedDeltaSizes) sizes,
                                    GLOBAL(const typename Shape::Element) state,
                                    DeltaPlace place) {
  DeltaWords<Shape> words;
  UNROLL
  for (uint32_t n = 0; n < Shape::rows; ++n) {
    const uint32_t i = n * Shape::splits + place.split;
    const uint32_t columns = i < sizes.key_size ? sizes.value_size : 0;
    words.at[n] =
        read_words(state + i * uint64_t(sizes.value_size), place.column, columns, sizes.wide);
  }
  return words;
}

template <typename Shape>
DEVICE void delta_write(SIZES(GatedDeltaSizes) sizes, GLOBAL(typename Shape::Element) to,
                        DeltaState<Shape> state, DeltaPlace place) {
  UNROLL
  for (uint32_t n = 0; n < Shape::rows; ++n) {
    const uint32_t i = n * Shape::splits + place.split;
    const uint32_t columns = i < sizes.key_size ? sizes.value_size : 0;
    write_wide(to + i * uint64_t(sizes.value_size), place.column, columns, sizes.wide,
               state.at[n]);
  }
}

// Brings a token's query and key into shared memory, and the sums of their products.
template <typename Shape>
DEVICE DeltaToken<Shape> delta_bring(SIZES(GatedDeltaSizes) sizes, DeltaInputs in, uint32_t row,
                                     DeltaStepShared shared, DeltaPlace place,
                                     uint32_t thread_index) {
  GLOBAL(const float) query = in.q + row * sizes.q_stride;
  GLOBAL(const float) key = in.k + row * sizes.k_stride;
  float queries = 0.0f, keys = 0.0f, both = 0.0f;
  for (uint32_t i = thread_index; i < sizes.key_size; i += block_size) {
    const float q = silu(query[i]), k = silu(key[i]);
    shared.query[i] = q;
    shared.key[i] = k;
    queries = multiply_add(q, q, queries);
    keys = multiply_add(k, k, keys);
    both = multiply_add(q, k, both);
  }
  queries = warp_sum(queries);
  keys = warp_sum(keys);
  both = warp_sum(both);
  if (thread_index % warp_size == 0) {
    const uint32_t first = thread_index / warp_size * 3;
    shared.products[first] = queries;
    shared.products[first + 1] = keys;
    shared.products[first + 2] = both;
  }
  DeltaToken<Shape> token;
  token.alpha = exp(delta_log_alpha(in.a[row * sizes.a_stride], in.a_log, in.dt_bias));
  token.beta = sigmoid(in.b[row * sizes.b_stride]);
  UNROLL
  for (uint32_t c = 0; c < Shape::columns; c += 4) {
    const Wide<float> four =
        read_wide(in.v + row * sizes.v_stride, place.column + c, sizes.value_size, sizes.wide);
    UNROLL
    for (uint32_t i = 0; i < 4; ++i) token.values[c + i] = four.at[i];
  }
  return token;
}

// The sum of one of the three products over the block.
DEVICE float delta_product(DeltaStepShared shared, uint32_t which) {
  float total = 0.0f;
  for (uint32_t warp = 0; warp < block_warps; ++warp) total += shared.products[warp * 3 + which];
  return total;
}

// The sum of one of a block's columns: 0 by the key, 1 by the query.
DEVICE float delta_column_sum(DeltaStepShared shared, uint32_t which, uint32_t column) {
  float total = 0.0f;
  UNROLL
  for (uint32_t warp = 0; warp < block_warps; ++warp) {
    total += shared.sums[(warp * 2 + which) * delta_columns + column];
  }
  return total;
}

// Takes the state past a token that delta_bring() brought, and writes what comes out.
template <typename Shape>
DEVICE DeltaState<Shape> delta_pass(SIZES(GatedDeltaSizes) sizes, DeltaState<Shape> state,
                                    DeltaToken<Shape> token, GLOBAL(float) out,
                                    DeltaStepShared shared, DeltaPlace place,
                                    uint32_t thread_index) {
  const uint32_t lane = thread_index % Shape::lanes;
  const float query_factor = 1.0f / sqrt(float(sizes.key_size)) /
                             sqrt(delta_product(shared, 0) + delta_norm_epsilon);
  const float key_factor = 1.0f / sqrt(delta_product(shared, 1) + delta_norm_epsilon);
  const float both = delta_product(shared, 2) * query_factor * key_factor;
  float keys[Shape::rows];
  LaneSums<Shape::sums> sums = {};
  UNROLL
  for (uint32_t n = 0; n < Shape::rows; ++n) {
    const uint32_t i = n * Shape::splits + place.split;
    keys[n] = 0.0f;
    if (i >= sizes.key_size) continue;
    keys[n] = shared.key[i];
    const float query = shared.query[i];
    UNROLL
    for (uint32_t c = 0; c < Shape::columns; ++c) {
      const float s = state.at[n].at[c];
      sums.at[c] = multiply_add(s, keys[n], sums.at[c]);
      sums.at[Shape::columns + c] = multiply_add(s, query, sums.at[Shape::columns + c]);
    }
  }
  sums = spread_sums<Shape::sums, Shape::sums>(sums, thread_index % warp_size);
  const uint32_t own = thread_index % warp_size / Shape::lanes;  // the sum of this lane
  const uint32_t which = own / Shape::columns;
  shared.sums[(thread_index / warp_size * 2 + which) * delta_columns +
              lane * Shape::columns + own % Shape::columns] = sums.at[0];
  barrier();
  float changes[Shape::columns];
  UNROLL
  for (uint32_t c = 0; c < Shape::columns; ++c) {
    const uint32_t column = lane * Shape::columns + c;
    const float known = key_factor * delta_column_sum(shared, 0, column);
    const float change = token.beta * (token.values[c] - token.alpha * known);
    changes[c] = key_factor * change;
    if (place.split > 0 || place.column + c >= sizes.value_size) continue;
    const float read = query_factor * delta_column_sum(shared, 1, column);
    out[place.column + c] = multiply_add(both, change, token.alpha * read);
  }
  UNROLL
  for (uint32_t n = 0; n < Shape::rows; ++n) {
    UNROLL
    for (uint32_t c = 0; c < Shape::columns; ++c) {
      state.at[n].at[c] = multiply_add(keys[n], changes[c], token.alpha * state.at[n].at[c]);
    }
  }
  return state;
}

template <typename Shape>
DEVICE void delta_segment(SIZES(GatedDeltaSizes) sizes, DeltaInputs in,
                          GLOBAL(typename Shape::Element) state, uint32_t begin, uint32_t end,
                          DeltaStepShared shared, uint32_t block, uint32_t thread_index) {
  DeltaPlace place;
  place.column = block * delta_columns + thread_index % Shape::lanes * Shape::columns;
  place.split = thread_index / Shape::lanes;
  // On its way while the first token is brought.
  const DeltaWords<Shape> words = delta_read<Shape>(sizes, state, place);
  DeltaToken<Shape> token = delta_bring<Shape>(sizes, in, begin, shared, place, thread_index);
  DeltaState<Shape> own;
  UNROLL
  for (uint32_t n = 0; n < Shape::rows; ++n) {
    own.at[n] = wide_of<typename Shape::Element>(words.at[n]);
  }
  for (uint32_t row = begin; row < end; ++row) {
    barrier();  // the token is there
    own = delta_pass<Shape>(sizes, own, token, in.out + row * sizes.out_stride, shared, place,
                            thread_index);
    // All are past the barrier of delta_pass(), so none reads this token any more.
    if (row + 1 < end) token = delta_bring<Shape>(sizes, in, row + 1, shared, place, thread_index);
  }
  delta_write<Shape>(sizes, state, own, place);
}

#define GATED_DELTA_KERNEL(name, T, most_keys)                                                  \
  KERNEL(name, GatedDeltaSizes, BUFFER(0, float, out), BUFFER(1, const float, q),               \
         BUFFER(2, const float, k), BUFFER(3, const float, v), BUFFER(4, const float, a),       \
         BUFFER(5, const float, b), BUFFER(6, const float, a_log),                              \
         BUFFER(7, const float, dt_bias), BUFFER(8, T, state),                                  \
         BUFFER(9, const int32_t, segments), BUFFER(10, const int32_t, slots)) {                \
    SHARED(float, query, most_keys);                                                            \
    SHARED(float, key, most_keys);                                                              \
    SHARED(float, products, block_warps * 3);                                                   \
    SHARED(float, sums, block_warps * 2 * delta_columns);                                       \
    const uint32_t segment = BLOCK_X, head = BLOCK_Y;                                           \
    const uint32_t begin = uint32_t(segments[segment]), end = uint32_t(segments[segment + 1]);  \
    const uint32_t slot = uint32_t(slots[segment]);                                             \
    if (begin == end || delta_runs_in_chunks(sizes, end - begin)) return;                       \
    const uint64_t keys = uint64_t(head) * sizes.key_size;                                      \
    const uint64_t values = uint64_t(head) * sizes.value_size;                                  \
    const DeltaInputs in = {out + values, q + keys, k + keys, v + values, a + head, b + head,   \
                            a_log[head], dt_bias[head]};                                        \
    const DeltaStepShared shared = {query, key, products, sums};                                \
    const uint64_t first = slot * sizes.state_stride + keys * sizes.value_size;                 \
    delta_segment<DeltaShape<T, most_keys>>(sizes, in, state + first, begin, end, shared,       \
                                            BLOCK_Z, THREAD);                                   \
  }

GATED_DELTA_KERNEL(gated_delta_f32, float, CT_DELTA_FEW_KEYS)
GATED_DELTA_KERNEL(gated_delta_bf16, bf16, CT_DELTA_FEW_KEYS)
GATED_DELTA_KERNEL(gated_delta_long_f32, float, CT_DELTA_MOST_KEYS)
GATED_DELTA_KERNEL(gated_delta_long_bf16, bf16, CT_DELTA_MOST_KEYS)
