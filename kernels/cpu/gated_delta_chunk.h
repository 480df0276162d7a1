// The gated delta rule many tokens at a time, as matrix products (the WY form).
//
// With g the sum of log(alpha) up to and with each token of a chunk, D[i,j] = e^(g_i - g_j) for
// j <= i, and S the state before the chunk:
//   A = beta_i (k_i . k_j) D[i,j] for j < i          P = (q_i . k_j) D[i,j] for j <= i
//   U_i = beta_i (v_i - e^g_i S^T k_i) - sum over j < i of A[i,j] U_j
//   out_i = e^g_i S^T q_i + sum over j <= i of P[i,j] U_j
//   S = e^g_last S + sum over j of k_j (e^(g_last - g_j) U_j)^T
// g and its differences are f64: where alpha is tiny g grows so large that f32 would lose them.
#pragma once
#include "gated_delta_inputs.h"
#include "gated_delta_tiles.h"
#include "prefetch.h"

namespace ct {
namespace CT_TARGET {
namespace {

struct DeltaChunk {
  uint32_t first, count;  // tokens, within the segment
  uint64_t key_stride, pair_stride;
  double* log_decay;  // [chunk], g
  float* queries;  // [chunk, key_stride]
  float* keys;
  float* keys_transposed;  // [key_size, pair_stride]
  float* solve;  // [chunk, pair_stride], -A; what is not j < i is never read
  float* read;  // [chunk, pair_stride], D and then P; what is not j <= i is never read
  float* updates;  // [chunk, delta_panel], U of one panel
  float* decay;  // [chunk], e^g
  float* remaining;  // [chunk], e^(g_last - g)
  float* beta;  // [chunk]
  float* state;  // [panels, key_size, delta_panel]
};

// Lays the arrays out from `scratch` (null will do to measure); returns their bytes.
uint64_t place_delta_chunk(DeltaChunk& chunk, const GatedDeltaArgs& args, void* scratch) {
  const uint64_t panels = (uint64_t{args.value_size} + delta_panel - 1) / delta_panel;
  const uint64_t tokens = (args.chunk + delta_panel - 1) / delta_panel * delta_panel;
  uintptr_t next = reinterpret_cast<uintptr_t>(scratch);
  const auto place = [&](uint64_t floats) {
    float* const array = reinterpret_cast<float*>(next);
    next += floats * sizeof(float);
    return array;
  };
  chunk.key_stride = padded(args.key_size);
  chunk.pair_stride = tokens;
  chunk.log_decay = reinterpret_cast<double*>(place(2 * tokens));
  chunk.queries = place(tokens * chunk.key_stride);
  chunk.keys = place(tokens * chunk.key_stride);
  chunk.keys_transposed = place(args.key_size * chunk.pair_stride);
  chunk.solve = place(tokens * chunk.pair_stride);
  chunk.read = place(tokens * chunk.pair_stride);
  chunk.updates = place(tokens * delta_panel);
  chunk.decay = place(tokens);
  chunk.remaining = place(tokens);
  chunk.beta = place(tokens);
  chunk.state = place(panels * args.key_size * delta_panel);
  return next - reinterpret_cast<uintptr_t>(scratch);
}

void prepare_delta_tokens(DeltaChunk& chunk, const DeltaTask& task) {
  const uint32_t key_size = task.args.key_size;
  double sum = 0;
  for (uint32_t i = 0; i < chunk.count; ++i) {
    float* const key = chunk.keys + i * chunk.key_stride;
    delta_normalize_query(chunk.queries + i * chunk.key_stride, task, chunk.first + i);
    delta_normalize_key(key, task, chunk.first + i);
    for (uint32_t c = 0; c < key_size; ++c) {
      chunk.keys_transposed[c * chunk.pair_stride + i] = key[c];
    }
    sum += delta_log_decay(task, chunk.first + i);
    chunk.log_decay[i] = sum;
    chunk.decay[i] = exponential(float(sum));
    chunk.beta[i] = delta_beta(task, chunk.first + i);
  }
  for (uint32_t i = 0; i < chunk.count; ++i) {
    chunk.remaining[i] = exponential(float(sum - chunk.log_decay[i]));
  }
  // The products below read whole panels of tokens.
  for (uint32_t i = chunk.count; i % delta_panel; ++i) {
    for (uint32_t c = 0; c < key_size; ++c) chunk.keys_transposed[c * chunk.pair_stride + i] = 0;
  }
}

// D, zero for j > i.
void fill_delta_decays(const DeltaChunk& chunk) {
  for (uint32_t i = 0; i < chunk.count; ++i) {
    float* const row = chunk.read + i * chunk.pair_stride;
    for (uint32_t first = 0; first < chunk.pair_stride; first += lanes) {
      float exponents[lanes];
      for (uint32_t l = 0; l < lanes; ++l) {
        const uint32_t j = first + l;
        exponents[l] = j <= i ? float(chunk.log_decay[i] - chunk.log_decay[j]) : -__builtin_inff();
      }
      store(row + first, first <= i ? exponential(load(exponents)) : Vector{});
    }
  }
}

// Rows first ... first + rows - 1 of -A and, over D, of P.
template <uint32_t rows>
void fill_delta_pairs(const DeltaChunk& chunk, uint32_t key_size, uint32_t first) {
  const uint64_t stride = chunk.pair_stride, key_stride = chunk.key_stride;
  for (uint32_t column = 0; column < first + rows; column += delta_panel) {
    const float* const others = chunk.keys_transposed + column;
    DeltaTile<rows> by_key{}, by_query{};
    add_product(by_key, {chunk.keys + first * key_stride, key_stride, 1}, others, stride, key_size);
    add_product(by_query, {chunk.queries + first * key_stride, key_stride, 1}, others, stride,
                key_size);
    for (uint32_t r = 0; r < rows; ++r) {
      const uint64_t at = (first + r) * stride + column;
      const float beta = chunk.beta[first + r];
      for (uint32_t h = 0; h < 2; ++h) {
        const Vector decay = load(chunk.read + at + h * lanes);
        store(chunk.solve + at + h * lanes, -(beta * (by_key.at[r][h] * decay)));
        store(chunk.read + at + h * lanes, by_query.at[r][h] * decay);
      }
    }
  }
}

// One panel of columns; n of them are real.
struct DeltaColumns {
  float* state;  // [key_size, delta_panel]
  uint32_t first, n;
};

// Rows first ... first + rows - 1 of U. Asks for where their outputs go, which is written next, and
// for their values in the next panel.
template <uint32_t rows>
void solve_delta_updates(const DeltaChunk& chunk, const DeltaTask& task,
                         const DeltaColumns& columns, uint32_t first) {
  const float* const keys = chunk.keys + first * chunk.key_stride;
  const float* const solve = chunk.solve + first * chunk.pair_stride;
  for (uint32_t r = 0; r < rows; ++r) {
    const uint32_t i = chunk.first + first + r;
    prefetch_to_write(task.out(i) + columns.first, delta_panel);
    prefetch_bytes(task.value(i) + columns.first + delta_panel, delta_panel * sizeof(float));
  }
  DeltaTile<rows> tile{};
  add_product(tile, {keys, chunk.key_stride, 1}, columns.state, delta_panel, task.args.key_size);
  for (uint32_t r = 0; r < rows; ++r) {
    const uint32_t i = first + r;
    Vector value[2];
    load_panel(value, task.value(chunk.first + i) + columns.first, columns.n);
    for (uint32_t h = 0; h < 2; ++h) {
      tile.at[r][h] = chunk.beta[i] * (value[h] - chunk.decay[i] * tile.at[r][h]);
    }
  }
  add_product(tile, {solve, chunk.pair_stride, 1}, chunk.updates, delta_panel, first);
  add_triangle(tile, solve + first, chunk.pair_stride, tile, 0);
  for (uint32_t r = 0; r < rows; ++r) {
    store_panel(chunk.updates + (first + r) * delta_panel, tile.at[r], delta_panel);
  }
}

// Rows first ... first + rows - 1 of the output.
template <uint32_t rows>
void read_delta_outputs(const DeltaChunk& chunk, const DeltaTask& task, const DeltaColumns& columns,
                        uint32_t first) {
  const float* const queries = chunk.queries + first * chunk.key_stride;
  const float* const read = chunk.read + first * chunk.pair_stride;
  DeltaTile<rows> tile{}, updates;
  add_product(tile, {queries, chunk.key_stride, 1}, columns.state, delta_panel, task.args.key_size);
  for (uint32_t r = 0; r < rows; ++r) {
    for (uint32_t h = 0; h < 2; ++h) tile.at[r][h] *= chunk.decay[first + r];
    load_panel(updates.at[r], chunk.updates + (first + r) * delta_panel, delta_panel);
  }
  add_product(tile, {read, chunk.pair_stride, 1}, chunk.updates, delta_panel, first);
  add_triangle(tile, read + first, chunk.pair_stride, updates, 1);
  for (uint32_t r = 0; r < rows; ++r) {
    store_panel(task.out(chunk.first + first + r) + columns.first, tile.at[r], columns.n);
  }
}

// Rows first ... first + rows - 1 of the state, from U with e^(g_last - g) already in it.
template <uint32_t rows>
void advance_delta_state(const DeltaChunk& chunk, const DeltaColumns& columns, uint32_t first) {
  float* const state = columns.state + uint64_t{first} * delta_panel;
  const float decay = chunk.decay[chunk.count - 1];
  DeltaTile<rows> tile;
  for (uint32_t r = 0; r < rows; ++r) {
    load_panel(tile.at[r], state + r * delta_panel, delta_panel);
    for (uint32_t h = 0; h < 2; ++h) tile.at[r][h] *= decay;
  }
  add_product(tile, {chunk.keys + first, 1, chunk.key_stride}, chunk.updates, delta_panel,
              chunk.count);
  for (uint32_t r = 0; r < rows; ++r) {
    store_panel(state + r * delta_panel, tile.at[r], delta_panel);
  }
}

void run_delta_panel(const DeltaChunk& chunk, const DeltaTask& task, const DeltaColumns& columns) {
  for_tiles(chunk.count, [&](auto rows, uint32_t first) {
    solve_delta_updates<rows.value>(chunk, task, columns, first);
    read_delta_outputs<rows.value>(chunk, task, columns, first);
  });
  for (uint32_t i = 0; i < chunk.count; ++i) {
    float* const update = chunk.updates + i * delta_panel;
    for (uint32_t c = 0; c < delta_panel; c += lanes) {
      store(update + c, load(update + c) * chunk.remaining[i]);
    }
  }
  for_tiles(task.args.key_size, [&](auto rows, uint32_t first) {
    advance_delta_state<rows.value>(chunk, columns, first);
  });
}

DeltaColumns delta_columns(const DeltaChunk& chunk, const DeltaTask& task, uint32_t panel) {
  const uint32_t first = panel * delta_panel;
  return {chunk.state + uint64_t{first} * task.args.key_size, first, task.columns - first};
}

// Rows of a wide state lie a power of two apart and would share few lines of the cache: panels are
// copied out, each dense, for the whole segment. `outside`: the head's state at the task's columns.
void run_delta_chunks(const DeltaTask& task, float* outside, void* scratch) {
  DeltaChunk chunk;
  place_delta_chunk(chunk, task.args, scratch);
  const uint32_t key_size = task.args.key_size, value_size = task.args.value_size;
  const uint32_t panels = (task.columns + delta_panel - 1) / delta_panel;
  const auto for_state = [&](const auto& body) {
    for (uint32_t k = 0; k < key_size; ++k) {
      for (uint32_t p = 0; p < panels; ++p) {
        const DeltaColumns columns = delta_columns(chunk, task, p);
        body(columns.state + uint64_t{k} * delta_panel,
             outside + uint64_t{k} * value_size + columns.first, columns.n);
      }
    }
  };
  for_state([](float* inside, const float* from, uint32_t n) {
    Vector row[2];
    load_panel(row, from, n);
    store_panel(inside, row, delta_panel);
  });
  for (chunk.first = 0; chunk.first < task.rows; chunk.first += task.args.chunk) {
    chunk.count = smaller(task.args.chunk, task.rows - chunk.first);
    prepare_delta_tokens(chunk, task);
    fill_delta_decays(chunk);
    for_tiles(chunk.count, [&](auto rows, uint32_t first) {
      fill_delta_pairs<rows.value>(chunk, key_size, first);
    });
    for (uint32_t p = 0; p < panels; ++p) {
      run_delta_panel(chunk, task, delta_columns(chunk, task, p));
    }
  }
  for_state([](const float* inside, float* to, uint32_t n) {
    Vector row[2];
    load_panel(row, inside, delta_panel);
    store_panel(to, row, n);
  });
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
