// The words of kernels for the emulator. See prelude_cuda.h for what each means.
#pragma once
#include <stdint.h>
#include <string.h>

#include <cmath>

#include "../emulator/f16.h"
#include "../emulator/pointers.h"

#define KERNEL(name, Sizes, ...)                                                           \
  static void kernel_##name([[maybe_unused]] const Sizes& sizes,                            \
                            [[maybe_unused]] const ct::Place& thread_place, __VA_ARGS__)
#define BUFFER(index, type, name) ct::Global<type> name
#define GLOBAL(type) ct::Global<type>
#define SHARED(type, name, count) \
  const ct::Shared<type> name(ct::Block::current().take_shared(sizeof(type) * (count)), count)
#define SHARED_POINTER(type) ct::Shared<type>
#define SIZES(type) const type&
#define DEVICE inline
#define CONSTANT constexpr
#define UNROLL
#define THREAD thread_place.thread
#define BLOCK_X thread_place.block.x
#define BLOCK_Y thread_place.block.y
#define BLOCK_Z thread_place.block.z

using std::cos;
using std::exp;
using std::fabs;
using std::log;
using std::rint;
using std::sin;
using std::sqrt;

inline void barrier(uint32_t line = __builtin_LINE()) { ct::Block::current().wait_for_block(line); }

inline float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

inline uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline uint32_t shuffle_xor(uint32_t x, uint32_t mask, uint32_t line = __builtin_LINE()) {
  return ct::Block::current().exchange(x, mask, line);
}

inline float shuffle_xor(float x, uint32_t mask, uint32_t line = __builtin_LINE()) {
  return float_of(shuffle_xor(bits_of(x), mask, line));
}

// Rounded once or twice, whichever is faster.
inline float multiply_add(float x, float y, float z) { return x * y + z; }

// Rounded once, on every device.
inline float fused_multiply_add(float x, float y, float z) { return std::fma(x, y, z); }

// sum + the products of the four bytes, which are signed.
inline int32_t dot_bytes(uint32_t x, uint32_t y, int32_t sum) {
  for (uint32_t shift = 0; shift < 32; shift += 8) sum += int8_t(x >> shift) * int8_t(y >> shift);
  return sum;
}

struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};

// Both fail where the address is no multiple of 16.
template <typename Pointer>
uint4 load_wide(Pointer from) {
  uint4 words;
  memcpy(&words, from.vector(sizeof words), sizeof words);
  return words;
}

template <typename T>
void store_wide(ct::Global<T> to, uint4 words) {
  memcpy(to.vector(sizeof words), &words, sizeof words);
}

// As Metal has it, so that a kernel which counts on CUDA's places is noticed.
inline uint32_t lane_row(uint32_t lane) { return lane / 16 * 4 + lane / 2 % 4; }
inline uint32_t lane_part(uint32_t lane) { return lane / 8 % 2 * 2 + lane % 2; }
inline uint32_t lane_at(uint32_t row, uint32_t part) {
  return row / 4 * 16 + part / 2 * 8 + row % 4 * 2 + part % 2;
}

inline uint32_t f16_pair(float lower, float upper) {
  return ct::f16_bits(lower) | uint32_t(ct::f16_bits(upper)) << 16;
}
inline float lower_f16(uint32_t pair) { return ct::f16_value(uint16_t(pair)); }
inline float upper_f16(uint32_t pair) { return ct::f16_value(uint16_t(pair >> 16)); }

#include "matrix_products.h"
#include "tile_products.h"

// What a lane has of 8 by 8 floats, as Metal has it.
struct Matrix {
  float at[2];
};
inline Matrix matrix_of(float first, float second) { return {{first, second}}; }
inline float element_of(Matrix matrix, uint32_t i) { return matrix.at[i]; }

// sums + x times y. Fails where lanes of the warp are missing.
inline Matrix multiply_matrices(Matrix x, Matrix y, Matrix sums, uint32_t lane,
                                uint32_t line = __builtin_LINE()) {
  struct Pair {
    Matrix x, y;
  };
  Pair* const all = ct::Block::current().warp_memory<Pair>();
  all[lane] = {x, y};
  shuffle_xor(lane, 0, line);  // all are there
  for (uint32_t k = 0; k < 8; ++k) {
    const float from = all[lane_at(lane_row(lane), k / 2)].x.at[k % 2];
    const Matrix with = all[lane_at(k, lane_part(lane))].y;
    for (uint32_t i = 0; i < 2; ++i) sums.at[i] = multiply_add(from, with.at[i], sums.at[i]);
  }
  shuffle_xor(lane, 0, line);  // none is read any more
  return sums;
}

#include "float_tile_products.h"

// What the lanes of a warp bring.
struct LaneOperands {
  uint4 upper, lower, x;
};
struct WarpOperands {
  const LaneOperands* of;

  uint4 upper(uint32_t lane) const { return of[lane].upper; }
  uint4 lower(uint32_t lane) const { return of[lane].lower; }
  uint4 x(uint32_t lane) const { return of[lane].x; }
};

// Fails where lanes of the warp are missing.
inline MatrixSums matrix_products(MatrixSums sums, uint4 upper, uint4 lower, uint4 x, uint32_t lane,
                                  uint32_t line = __builtin_LINE()) {
  LaneOperands* const all = ct::Block::current().warp_memory<LaneOperands>();
  all[lane] = {upper, lower, x};
  shuffle_xor(lane, 0, line);  // all are there
  sums = plain_matrix_products(sums, WarpOperands{all}, lane);
  shuffle_xor(lane, 0, line);  // none is read any more
  return sums;
}

// What a lane brings of a row, its four columns in two parts, and what the lanes of a warp bring.
struct SplitColumns {
  float greater[4], smaller[4];

  explicit SplitColumns(uint4 words)
      : greater{lower_f16(words.x), upper_f16(words.x), lower_f16(words.z), upper_f16(words.z)},
        smaller{lower_f16(words.y), upper_f16(words.y), lower_f16(words.w), upper_f16(words.w)} {}

  float dot(const SplitColumns& x, float sum) const {
    for (uint32_t i = 0; i < 4; ++i) {
      sum += smaller[i] * x.greater[i] + greater[i] * x.smaller[i] + greater[i] * x.greater[i];
    }
    return sum;
  }
};
struct SplitOperands {
  SplitColumns upper, lower, x;
};

// Fails where lanes of the warp are missing.
inline MatrixSums split_products(MatrixSums sums, uint4 upper, uint4 lower, uint4 x, uint32_t lane,
                                 uint32_t line = __builtin_LINE()) {
  SplitOperands* const all = ct::Block::current().warp_memory<SplitOperands>();
  all[lane] = {SplitColumns(upper), SplitColumns(lower), SplitColumns(x)};
  shuffle_xor(lane, 0, line);  // all are there
  const uint32_t row = lane_row(lane), column = 2 * lane_part(lane);
  for (uint32_t part = 0; part < 4; ++part) {
    const SplitOperands& own = all[lane_at(row, part)];
    for (uint32_t i = 0; i < 4; ++i) {
      const SplitColumns& from = all[lane_at(column + i % 2, part)].x;
      sums.at[i] = (i < 2 ? own.upper : own.lower).dot(from, sums.at[i]);
    }
  }
  shuffle_xor(lane, 0, line);  // none is read any more
  return sums;
}
