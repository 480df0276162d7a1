// Queries that are turned back for pages which have been moved nearer.
#pragma once
#include "rotary.h"

namespace ct {
namespace CT_TARGET {
namespace {

// `count` query heads, rows of `stride` elements, zero past the head's size.
struct QueryTurns {
  float* base;  // as they came
  float* turned;  // back by the angles of `shift`
  float *frequencies, *cosines, *sines;  // [head_size/2], made with the first shift
  uint32_t count, head_size;
  uint64_t stride;
  float theta;
  int32_t shift;  // 0 before the first one
  int32_t asked;  // the shift that was asked for last; -1 before
};

// `place(n)` gives room for n floats.
template <typename Place>
void place_query_turns(QueryTurns& turns, const Place& place, uint64_t queries,
                       uint32_t head_size) {
  turns.head_size = head_size;
  turns.stride = padded(head_size);
  turns.base = place(queries * turns.stride);
  turns.turned = place(queries * turns.stride);
  turns.frequencies = place(head_size / 2);
  turns.cosines = place(head_size / 2);
  turns.sines = place(head_size / 2);
}

// Query i of the `count` that take part is `query(i)`.
template <typename Query>
void begin_query_turns(QueryTurns& turns, uint32_t count, float theta, const Query& query) {
  turns.count = count;
  turns.theta = theta;
  turns.shift = 0;
  turns.asked = -1;
  for (uint32_t i = 0; i < count; ++i) {
    const float* const from = query(i);
    for (uint32_t c = 0; c < turns.head_size; c += lanes) {
      store(turns.base + i * turns.stride + c, load_up_to(from + c, turns.head_size - c));
    }
  }
}

// The queries for a page of this shift.
inline const float* turn_queries(QueryTurns& turns, int32_t shift) {
  if (!shift) return turns.base;
  if (shift == turns.shift) return turns.turned;
  const uint32_t half = turns.head_size / 2;
  if (!turns.shift) rotary_frequencies(turns.frequencies, turns.head_size, turns.theta);
  turns.shift = shift;
  for (uint32_t i = 0; i < half; ++i) {
    const double angle = -double(shift) * double(turns.frequencies[i]);
    rotary_angle(turns.cosines[i], turns.sines[i], angle);
  }
  for (uint32_t i = 0; i < turns.count; ++i) {
    float* const to = turns.turned + i * turns.stride;
    store(to + turns.stride - lanes, Vector{});
    rotate_head(to, turns.base + i * turns.stride, turns.cosines, turns.sines, half);
  }
  return turns.turned;
}

// The same; null where they are those of the call before.
inline const float* changed_queries(QueryTurns& turns, int32_t shift) {
  if (shift == turns.asked) return nullptr;
  turns.asked = shift;
  return turn_queries(turns, shift);
}

}  // namespace
}  // namespace CT_TARGET
}  // namespace ct
