// The words of kernels for Metal; see prelude_cuda.h for what each means. Build without fast
// mathematics.
#pragma once
#include <metal_stdlib>

#pragma METAL fp contract(off)

using namespace metal;

#define KERNEL(name, Sizes, ...)                                                            \
  kernel void ct_##name(constant Sizes& sizes [[buffer(30)]], __VA_ARGS__,                  \
                        uint3 thread_place [[thread_position_in_threadgroup]],              \
                        uint3 block_place [[threadgroup_position_in_grid]])
#define BUFFER(index, type, name) device type* name [[buffer(index)]]
#define GLOBAL(type) device type*
#define SHARED(type, name, count) alignas(16) threadgroup type name[count]
#define SHARED_POINTER(type) threadgroup type*
#define SIZES(type) constant type&
#define DEVICE inline
#define CONSTANT constant constexpr
#define UNROLL _Pragma("unroll")
#define THREAD thread_place.x
#define BLOCK_X block_place.x
#define BLOCK_Y block_place.y
#define BLOCK_Z block_place.z

DEVICE void barrier() {
  threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
}

DEVICE float float_of(uint32_t bits) { return as_type<float>(bits); }
DEVICE uint32_t bits_of(float x) { return as_type<uint32_t>(x); }

DEVICE uint32_t shuffle_xor(uint32_t x, uint32_t mask) { return simd_shuffle_xor(x, ushort(mask)); }
DEVICE float shuffle_xor(float x, uint32_t mask) { return simd_shuffle_xor(x, ushort(mask)); }

DEVICE float multiply_add(float x, float y, float z) { return fma(x, y, z); }
DEVICE float fused_multiply_add(float x, float y, float z) { return fma(x, y, z); }

DEVICE int32_t dot_bytes(uint32_t x, uint32_t y, int32_t sum) {
  for (uint32_t shift = 0; shift < 32; shift += 8) sum += int8_t(x >> shift) * int8_t(y >> shift);
  return sum;
}

template <typename T>
DEVICE uint4 load_wide(device const T* from) {
  return *reinterpret_cast<device const uint4*>(from);
}
template <typename T>
DEVICE uint4 load_wide(threadgroup const T* from) {
  return *reinterpret_cast<threadgroup const uint4*>(from);
}

template <typename T>
DEVICE void store_wide(device T* to, uint4 words) {
  *reinterpret_cast<device uint4*>(to) = words;
}

// As the two elements beside each other of an 8 by 8 simdgroup_matrix that a lane has.
DEVICE uint32_t lane_row(uint32_t lane) { return lane / 16 * 4 + lane / 2 % 4; }
DEVICE uint32_t lane_part(uint32_t lane) { return lane / 8 % 2 * 2 + lane % 2; }
DEVICE uint32_t lane_at(uint32_t row, uint32_t part) {
  return row / 4 * 16 + part / 2 * 8 + row % 4 * 2 + part % 2;
}

DEVICE uint32_t f16_pair(float lower, float upper) {
  half2 pair;
  pair.x = half(lower);
  pair.y = half(upper);
  return as_type<uint32_t>(pair);
}
DEVICE float lower_f16(uint32_t pair) { return float(as_type<half2>(pair).x); }
DEVICE float upper_f16(uint32_t pair) { return float(as_type<half2>(pair).y); }

#include "matrix_products.h"
#include "tile_products.h"

using Matrix = simdgroup_matrix<float, 8, 8>;

DEVICE Matrix matrix_of(float first, float second) {
  Matrix matrix;
  matrix.thread_elements()[0] = first;
  matrix.thread_elements()[1] = second;
  return matrix;
}

DEVICE float element_of(Matrix matrix, uint32_t i) { return matrix.thread_elements()[i]; }

// sums + x times y; of all lanes of a warp.
DEVICE Matrix multiply_matrices(Matrix x, Matrix y, Matrix sums, uint32_t) {
  simdgroup_multiply_accumulate(sums, x, y, sums);
  return sums;
}

#include "float_tile_products.h"

DEVICE MatrixSums sums_of(Matrix above, Matrix below) {
  MatrixSums sums;
  UNROLL
  for (uint32_t i = 0; i < 2; ++i) {
    sums.at[i] = element_of(above, i);
    sums.at[2 + i] = element_of(below, i);
  }
  return sums;
}

// A pair of each lane's columns of x, rows of x beside each other: of a lane's two rows of x, the
// column that is its row.
DEVICE Matrix matrix_across(uint32_t pair, uint32_t lane) {
  const uint32_t part = lane_row(lane) / 2, row = 2 * lane_part(lane);
  const uint32_t first = simd_shuffle(pair, ushort(lane_at(row, part)));
  const uint32_t second = simd_shuffle(pair, ushort(lane_at(row + 1, part)));
  const bool is_upper = lane_row(lane) % 2 != 0;
  return matrix_of(is_upper ? upper_half(first) : lower_half(first),
                   is_upper ? upper_half(second) : lower_half(second));
}

// sums + the products of a pair of columns of each lane.
DEVICE MatrixSums multiply_pairs(MatrixSums sums, uint32_t upper, uint32_t lower, uint32_t x,
                                 uint32_t lane) {
  const Matrix across = matrix_across(x, lane);
  const Matrix above =
      multiply_matrices(matrix_of(lower_half(upper), upper_half(upper)), across,
                        matrix_of(sums.at[0], sums.at[1]), lane);
  const Matrix below =
      multiply_matrices(matrix_of(lower_half(lower), upper_half(lower)), across,
                        matrix_of(sums.at[2], sums.at[3]), lane);
  return sums_of(above, below);
}

// In floats, which hold bf16 and its products exactly, and which every such GPU multiplies.
DEVICE MatrixSums matrix_products(MatrixSums sums, uint4 upper, uint4 lower, uint4 x,
                                  uint32_t lane) {
  sums = multiply_pairs(sums, upper.x, lower.x, x.x, lane);
  sums = multiply_pairs(sums, upper.y, lower.y, x.y, lane);
  sums = multiply_pairs(sums, upper.z, lower.z, x.z, lane);
  return multiply_pairs(sums, upper.w, lower.w, x.w, lane);
}

// As matrix_across(), of a pair in two parts.
DEVICE Matrix split_across(uint32_t greater_pair, uint32_t smaller_pair, uint32_t lane) {
  const uint32_t part = lane_row(lane) / 2, row = 2 * lane_part(lane);
  const bool is_upper = lane_row(lane) % 2 != 0;
  const float lower = lower_f16(greater_pair) + lower_f16(smaller_pair);
  const float upper = upper_f16(greater_pair) + upper_f16(smaller_pair);
  const ushort first = ushort(lane_at(row, part)), second = ushort(lane_at(row + 1, part));
  const float first_lower = simd_shuffle(lower, first), first_upper = simd_shuffle(upper, first);
  const float second_lower = simd_shuffle(lower, second);
  const float second_upper = simd_shuffle(upper, second);
  return matrix_of(is_upper ? first_upper : first_lower, is_upper ? second_upper : second_lower);
}

DEVICE Matrix split_matrix(uint32_t greater_pair, uint32_t smaller_pair) {
  return matrix_of(lower_f16(greater_pair) + lower_f16(smaller_pair),
                   upper_f16(greater_pair) + upper_f16(smaller_pair));
}

// In floats, which hold the sum of both parts exactly.
DEVICE MatrixSums split_products(MatrixSums sums, uint4 upper, uint4 lower, uint4 x,
                                 uint32_t lane) {
  const Matrix first = split_across(x.x, x.y, lane), second = split_across(x.z, x.w, lane);
  Matrix above = matrix_of(sums.at[0], sums.at[1]), below = matrix_of(sums.at[2], sums.at[3]);
  above = multiply_matrices(split_matrix(upper.x, upper.y), first, above, lane);
  below = multiply_matrices(split_matrix(lower.x, lower.y), first, below, lane);
  above = multiply_matrices(split_matrix(upper.z, upper.w), second, above, lane);
  below = multiply_matrices(split_matrix(lower.z, lower.w), second, below, lane);
  return sums_of(above, below);
}
