// Codes and scales of packed weights, row by row: how they are made from floats, put in their place
// and read back. Codes are kept as bytes that count from 0: 128 or 8 stands for zero.
#pragma once
#include <string.h>

#include "../common/packed.h"
#include "simd.h"
#include "split.h"

namespace ct {
namespace CT_TARGET {

constexpr uint32_t most_group = 64;

inline int32_t zero_code(uint32_t bits) { return 1 << (bits - 1); }

// Rounds to the nearest integer, ties to even, for |x| < 2^22: adding 1.5 * 2^23 leaves the integer
// in the low bits.
inline IntVector round_to_integers(Vector x) {
  return (IntVector)((BitsVector)(x + 12582912.0f) - 0x4b400000u);
}

// The greatest magnitude of `count` elements, a multiple of `lanes`.
inline float greatest_magnitude(const float* x, uint32_t count) {
  Vector most = {};
  for (uint32_t i = 0; i < count; i += lanes) {
    const Vector value = load(x + i);
    most = maximum(value < 0.0f ? -value : value, most);
  }
  return greatest(most);
}

// The scale of a group. In 4 bits the element of greatest magnitude gets the code -8, which has no
// opposite.
inline bf16 scale_of(const float* x, uint32_t group, uint32_t bits) {
  const float magnitude = greatest_magnitude(x, group);
  if (bits == 8) return to_bf16(magnitude / 127);
  uint32_t i = 0;
  while (i + 1 < group && __builtin_fabsf(x[i]) != magnitude) ++i;
  return to_bf16(x[i] / -8);
}

inline void codes_of(unsigned char* codes, const float* x, uint32_t group, float scale,
                     uint32_t bits) {
  const float zero = float(zero_code(bits));
  const Vector divisor = splat(scale == 0 ? 1.0f : scale), lowest = splat(-zero),
               highest = splat(zero - 1);
  for (uint32_t i = 0; i < group; i += lanes) {
    Vector ratio = load(x + i) / divisor;
    ratio = ratio < lowest ? lowest : ratio;
    ratio = ratio > highest ? highest : ratio;
    const IntVector code = round_to_integers(ratio) + zero_code(bits);
    for (uint32_t j = 0; j < lanes; ++j) codes[i + j] = (unsigned char)code[j];
  }
}

// Writes the codes of one group to their place in the weights.
inline void store_codes(const Packed& weight, uint32_t row, uint32_t column,
                        const unsigned char* codes) {
  const uint32_t group = weight.layout.group;
  unsigned char* chunk = weight.chunk(row, column);
  if (weight.layout.type == CT_Q8) {
    for (uint32_t i = 0; i < group; i += 4, chunk += packed_line) memcpy(chunk, codes + i, 4);
    return;
  }
  for (uint32_t i = 0; i < group; i += 8, chunk += packed_line) {
    for (uint32_t j = 0; j < 4; ++j) {
      chunk[j] = (unsigned char)(codes[i + j] | codes[i + 4 + j] << 4);
    }
  }
}

// What columns begin ... end - 1 of a row stand for; both are first columns of a chunk, or the end.
inline void unpack_row(float* out, const Packed& weight, uint32_t row, uint32_t begin,
                       uint32_t end) {
  const uint32_t group = weight.layout.group, bits = packed_bits(weight.layout.type);
  const int32_t zero = zero_code(bits);
  const uint32_t step = 32 / bits;
  for (uint32_t column = begin; column < end; column += step, out += step) {
    const float scale = to_float(weight.scale(row, column / group));
    const unsigned char* chunk = weight.chunk(row, column);
    for (uint32_t j = 0; j < 4; ++j) {
      const int32_t low = bits == 8 ? chunk[j] : chunk[j] & 15;
      out[j] = scale * float(low - zero);
      if (bits == 4) out[4 + j] = scale * float((chunk[j] >> 4) - zero);
    }
  }
}

// Runs body(row) for every row, a task for the rows of each block: no two tasks share bytes.
template <typename Body>
void run_blocks(ThreadPool& pool, uint32_t rows, const Body& body) {
  pool.run(uint32_t(divide_up(rows, packed_rows)), [&](uint32_t block, uint32_t) {
    const uint32_t begin = block * packed_rows;
    const uint32_t count = rows - begin < packed_rows ? rows - begin : packed_rows;
    for (uint32_t row = begin; row < begin + count; ++row) body(row);
  });
}

}  // namespace CT_TARGET
}  // namespace ct
