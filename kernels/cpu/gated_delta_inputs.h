// What the gated delta rule makes of q, k, a and b before it meets the state.
#pragma once
#include "kernel_table.h"
#include "parts.h"

namespace ct {
namespace CT_TARGET {
namespace {

constexpr float delta_norm_epsilon = 1e-6f;

// Columns of the state that are worked on together; a task's share is a multiple of it.
constexpr uint32_t delta_panel = 2 * lanes;

// The columns first ... first + columns - 1 of one head of one segment, which has rows `row` ...
// row + rows - 1. Each column of the state goes its own way, so any split gives the same bits.
struct DeltaTask {
  const GatedDeltaArgs& args;
  uint32_t row, rows, head;
  uint32_t first, columns;
  double rate;  // e^a_log

  const float* value(uint32_t i) const { return args.v.row(row + i) + offset(); }
  float* out(uint32_t i) const { return args.out.row(row + i) + offset(); }
  uint64_t offset() const { return uint64_t{head} * args.value_size + first; }
};

// out[padded(size)] = scale * silu(x) / sqrt(sum silu(x)^2 + epsilon), zero past `size`.
void delta_normalize(float* out, const float* x, uint32_t size, float scale) {
  Vector squares{};
  for (uint32_t c = 0; c < size; c += lanes) {
    const Vector y = silu(load_up_to(x + c, size - c));
    store(out + c, y);
    squares = multiply_add(y, y, squares);
  }
  const float factor = scale / __builtin_sqrtf(sum(squares) + delta_norm_epsilon);
  for (uint32_t c = 0; c < size; c += lanes) store(out + c, load(out + c) * factor);
}

void delta_normalize_query(float* out, const DeltaTask& task, uint32_t i) {
  const uint32_t size = task.args.key_size;
  const float* const x = task.args.q.row(task.row + i) + uint64_t{task.head} * size;
  delta_normalize(out, x, size, 1.0f / __builtin_sqrtf(float(size)));
}

void delta_normalize_key(float* out, const DeltaTask& task, uint32_t i) {
  const uint32_t size = task.args.key_size;
  const float* const x = task.args.k.row(task.row + i) + uint64_t{task.head} * size;
  delta_normalize(out, x, size, 1.0f);
}

// log(alpha), bounded where alpha is zero in any precision so that sums of it stay finite.
double delta_log_decay(const DeltaTask& task, uint32_t i) {
  constexpr double lowest = -1e4;
  const double x = double(task.args.a.row(task.row + i)[task.head]) + task.args.dt_bias[task.head];
  const double softplus = x > 20 ? x : __builtin_log1p(__builtin_exp(x));
  const double result = -task.rate * softplus;
  return result < lowest ? lowest : result;
}

float delta_beta(const DeltaTask& task, uint32_t i) {
  return 1.0f / (1.0f + exponential(-task.args.b.row(task.row + i)[task.head]));
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
