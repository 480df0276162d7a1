// The gated delta rule token by token.
#pragma once
#include "gated_delta_inputs.h"

namespace ct {
namespace CT_TARGET {
namespace {

// Tokens whose inputs are made at once; a block of the state stays in the cache for all of them.
constexpr uint32_t delta_span = 8;

struct DeltaTokens {
  float* queries;  // [delta_span, padded key_size]
  float* keys;
  uint64_t stride;
  float alpha[delta_span], beta[delta_span];
  uint32_t first, count;  // within the segment
};

uint64_t delta_recurrence_bytes(uint32_t key_size) {
  return 2 * delta_span * padded(key_size) * sizeof(float);
}

void prepare_delta_tokens(DeltaTokens& tokens, const DeltaTask& task) {
  for (uint32_t t = 0; t < tokens.count; ++t) {
    const uint32_t i = tokens.first + t;
    delta_normalize_query(tokens.queries + t * tokens.stride, task, i);
    delta_normalize_key(tokens.keys + t * tokens.stride, task, i);
    tokens.alpha[t] = float(__builtin_exp(delta_log_decay(task, i)));
    tokens.beta[t] = delta_beta(task, i);
  }
}

// Asks for a row's next vectors while these are worked on: rows lie so far apart that processors do
// not foresee it.
template <uint32_t vectors, typename T>
inline void prefetch_next(const T* row) {
  constexpr uint32_t line = 64 / sizeof(T);
  for (uint32_t i = 0; i < vectors * lanes; i += line) {
    __builtin_prefetch(row + vectors * lanes + i, 0, 2);
  }
}

// `vectors` vectors of columns from `column` of the task's: whole ones, but one alone may be cut
// short to `rest` columns.
template <uint32_t vectors, typename T>
void recur_columns(const DeltaTokens& tokens, const DeltaTask& task, T* state, uint32_t column,
                   uint32_t rest) {
  const uint32_t n = vectors > 1 ? lanes : rest;
  const uint32_t key_size = task.args.key_size, value_size = task.args.value_size;
  for (uint32_t t = 0; t < tokens.count; ++t) {
    const float* const key = tokens.keys + t * tokens.stride;
    const float* const query = tokens.queries + t * tokens.stride;
    const float* const value = task.value(tokens.first + t) + column;
    float* const out = task.out(tokens.first + t) + column;
    Vector change[vectors], result[vectors];
    for (uint32_t j = 0; j < vectors; ++j) change[j] = result[j] = Vector{};
    const T* from = state + column;
    for (uint32_t i = 0; i < key_size; ++i, from += value_size) {
      const Vector k = splat(key[i]);
      for (uint32_t j = 0; j < vectors; ++j) {
        change[j] = multiply_add(load_up_to(from + j * lanes, n), k, change[j]);
      }
    }
    const Vector alpha = splat(tokens.alpha[t]), beta = splat(tokens.beta[t]);
    for (uint32_t j = 0; j < vectors; ++j) {
      change[j] = beta * (load_up_to(value + j * lanes, n) - alpha * change[j]);
    }
    T* to = state + column;
    const bool more = column + 2 * vectors * lanes <= task.columns;
    for (uint32_t i = 0; i < key_size; ++i, to += value_size) {
      const Vector k = splat(key[i]), q = splat(query[i]);
      if (more) prefetch_next<vectors>(to);
      for (uint32_t j = 0; j < vectors; ++j) {
        const Vector s = multiply_add(k, change[j], alpha * load_up_to(to + j * lanes, n));
        store_up_to(to + j * lanes, s, n);
        result[j] = multiply_add(s, q, result[j]);
      }
    }
    for (uint32_t j = 0; j < vectors; ++j) store_up_to(out + j * lanes, result[j], n);
  }
}

// state: the head's first row at the task's first column. In bf16 it is rounded after each token.
template <typename T>
void run_delta_recurrence(const DeltaTask& task, T* state, void* scratch) {
  DeltaTokens tokens;
  tokens.stride = padded(task.args.key_size);
  tokens.queries = static_cast<float*>(scratch);
  tokens.keys = tokens.queries + delta_span * tokens.stride;
  for (tokens.first = 0; tokens.first < task.rows; tokens.first += delta_span) {
    tokens.count = smaller(delta_span, task.rows - tokens.first);
    prepare_delta_tokens(tokens, task);
    uint32_t column = 0;
    for (; column + 4 * lanes <= task.columns; column += 4 * lanes) {
      recur_columns<4>(tokens, task, state, column, 4 * lanes);
    }
    for (; column < task.columns; column += lanes) {
      recur_columns<1>(tokens, task, state, column, task.columns - column);
    }
  }
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
