// The words of kernels for CUDA. Every prelude defines the same:
//   KERNEL(name, Sizes, buffers) begins a kernel, which finds its Sizes as `sizes`
//   BUFFER(index, type, name)    a parameter in the device's memory
//   GLOBAL(type)                 a pointer into it
//   SHARED(type, name, count)    an array that a block shares, from a multiple of 16 bytes on, in a
//                                kernel's outermost braces
//   SHARED_POINTER(type)         a pointer into one
//   SIZES(type)                  a reference to sizes or to a part of them
//   DEVICE, CONSTANT             before what kernels call, and constants
//   UNROLL                       before a loop whose count is constant
//   THREAD, BLOCK_X, _Y, _Z      where a thread is; in kernels only
// and barrier(), shuffle_xor(), the bits of floats, multiply_add(), dot_bytes(), load_wide(),
// store_wide(), the places of lanes, pairs of f16, tile_products(), matrix_products() and
// split_products() below, uint4, and the functions of <cmath> for floats. Build without contraction
// and without fast mathematics: only multiply_add() may fuse.
#pragma once
#include <cuda_fp16.h>
#include <stdint.h>

#define KERNEL(name, Sizes, ...) \
  extern "C" __global__ void ct_##name(const __grid_constant__ Sizes sizes, __VA_ARGS__)
#define BUFFER(index, type, name) type* name
#define GLOBAL(type) type*
#define SHARED(type, name, count) __shared__ alignas(16) type name[count]
#define SHARED_POINTER(type) type*
#define SIZES(type) const type&
#define DEVICE __device__ inline
#define CONSTANT constexpr
#define UNROLL _Pragma("unroll")
#define THREAD threadIdx.x
#define BLOCK_X blockIdx.x
#define BLOCK_Y blockIdx.y
#define BLOCK_Z blockIdx.z

// Of a whole block; what its threads wrote before is seen by all of them after.
DEVICE void barrier() { __syncthreads(); }

DEVICE float float_of(uint32_t bits) { return __uint_as_float(bits); }
DEVICE uint32_t bits_of(float x) { return __float_as_uint(x); }

// What the lane whose number differs in the bits of mask has; of all lanes of a warp.
DEVICE uint32_t shuffle_xor(uint32_t x, uint32_t mask) {
  return __shfl_xor_sync(0xffffffffu, x, int(mask));
}
DEVICE float shuffle_xor(float x, uint32_t mask) {
  return __shfl_xor_sync(0xffffffffu, x, int(mask));
}

// Rounded once or twice, whichever is faster.
DEVICE float multiply_add(float x, float y, float z) { return fmaf(x, y, z); }

// Rounded once, on every device.
DEVICE float fused_multiply_add(float x, float y, float z) { return fmaf(x, y, z); }

// sum + the products of the four bytes, which are signed.
DEVICE int32_t dot_bytes(uint32_t x, uint32_t y, int32_t sum) {
  return __dp4a(int32_t(x), int32_t(y), sum);
}

// 16 bytes from an address that is a multiple of 16.
template <typename T>
DEVICE uint4 load_wide(const T* from) {
  return *reinterpret_cast<const uint4*>(from);
}

// 16 bytes to such an address.
template <typename T>
DEVICE void store_wide(T* to, uint4 words) {
  *reinterpret_cast<uint4*>(to) = words;
}

// Where a lane stands in a matrix instruction: one of 8 rows, and there one of 4 parts.
DEVICE uint32_t lane_row(uint32_t lane) { return lane / 4; }
DEVICE uint32_t lane_part(uint32_t lane) { return lane % 4; }
DEVICE uint32_t lane_at(uint32_t row, uint32_t part) { return row * 4 + part; }

// Two floats as f16, to nearest, and what each is again.
DEVICE uint32_t f16_pair(float lower, float upper) {
  const __half2 pair = __floats2half2_rn(lower, upper);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
DEVICE float lower_f16(uint32_t pair) {
  return __low2float(*reinterpret_cast<const __half2*>(&pair));
}
DEVICE float upper_f16(uint32_t pair) {
  return __high2float(*reinterpret_cast<const __half2*>(&pair));
}

#include "matrix_products.h"
#include "tile_products.h"

// sums + the products of 32 signed bytes of each of 16 rows of x with those of 8 rows of y; of all
// lanes of a warp. A row is 8 words; from one to the next are `stride`.
// On tensor cores, a lane brings word lane % 4 of row lane / 4, and words four further and rows
// eight further, of which the instruction before sm_80 takes one at a time.
DEVICE TileSums tile_products(TileSums sums, const uint32_t* x, const uint32_t* y, uint32_t stride,
                              uint32_t lane) {
  const uint32_t *const upper = x + lane / 4 * stride + lane % 4, *const lower = upper + 8 * stride;
  const uint32_t* const other = y + lane / 4 * stride + lane % 4;
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+r"(sums.at[0]), "+r"(sums.at[1]), "+r"(sums.at[2]), "+r"(sums.at[3])
      : "r"(upper[0]), "r"(lower[0]), "r"(upper[4]), "r"(lower[4]), "r"(other[0]), "r"(other[4]));
#else
  for (uint32_t half = 0; half < 8; half += 4) {
    for (uint32_t i = 0; i < 4; i += 2) {
      asm volatile(
          "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};"
          : "+r"(sums.at[i]), "+r"(sums.at[i + 1])
          : "r"(i ? lower[half] : upper[half]), "r"(other[half]));
    }
  }
#endif
  return sums;
}

#if __CUDA_ARCH__ >= 800

DEVICE void multiply_matrices(MatrixSums& sums, uint32_t upper, uint32_t lower, uint32_t next_upper,
                              uint32_t next_lower, uint32_t x, uint32_t next_x) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sums.at[0]), "+f"(sums.at[1]), "+f"(sums.at[2]), "+f"(sums.at[3])
      : "r"(upper), "r"(lower), "r"(next_upper), "r"(next_lower), "r"(x), "r"(next_x));
}

#else

struct ShuffledLanes {
  uint4 own_upper, own_lower, own_x;

  static DEVICE uint4 shuffled(uint4 words, uint32_t from) {
    const uint32_t all = 0xffffffffu;
    return {__shfl_sync(all, words.x, int(from)), __shfl_sync(all, words.y, int(from)),
            __shfl_sync(all, words.z, int(from)), __shfl_sync(all, words.w, int(from))};
  }
  DEVICE uint4 upper(uint32_t from) const { return shuffled(own_upper, from); }
  DEVICE uint4 lower(uint32_t from) const { return shuffled(own_lower, from); }
  DEVICE uint4 x(uint32_t from) const { return shuffled(own_x, from); }
};

#endif

// sums + the products of 32 columns of 16 outputs with those of 8 rows of x, all bf16; of all lanes
// of a warp. A lane brings its eight columns, those of lane_part(), of outputs lane_row() and eight
// further, and of row lane_row() of x. Tensor cores take 16 columns at a time, two pairs of a lane;
// which columns of memory these are is all the same to a sum, as long as weights and x agree.
// Before sm_80 they do not take bf16.
DEVICE MatrixSums matrix_products(MatrixSums sums, uint4 upper, uint4 lower, uint4 x,
                                  uint32_t lane) {
#if __CUDA_ARCH__ >= 800
  multiply_matrices(sums, upper.x, lower.x, upper.y, lower.y, x.x, x.y);
  multiply_matrices(sums, upper.z, lower.z, upper.w, lower.w, x.z, x.w);
  return sums;
#else
  return plain_matrix_products(sums, ShuffledLanes{upper, lower, x}, lane);
#endif
}

// sums + the products of 16 columns of f16 of 16 rows with those of 8 rows of x.
DEVICE void multiply_f16(MatrixSums& sums, uint32_t upper, uint32_t lower, uint32_t next_upper,
                         uint32_t next_lower, uint32_t x, uint32_t next_x) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sums.at[0]), "+f"(sums.at[1]), "+f"(sums.at[2]), "+f"(sums.at[3])
      : "r"(upper), "r"(lower), "r"(next_upper), "r"(next_lower), "r"(x), "r"(next_x));
#else
  const auto multiply_eight = [&](uint32_t above, uint32_t below, uint32_t other) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums.at[0]), "+f"(sums.at[1]), "+f"(sums.at[2]), "+f"(sums.at[3])
        : "r"(above), "r"(below), "r"(other));
  };
  multiply_eight(upper, lower, x);
  multiply_eight(next_upper, next_lower, next_x);
#endif
}

// sums + the products of 16 split columns of 16 rows with those of 8 rows of x; of all lanes of a
// warp. A lane brings its four columns of rows lane_row() and eight further, and of row lane_row()
// of x. The smaller parts are not multiplied with each other.
DEVICE MatrixSums split_products(MatrixSums sums, uint4 upper, uint4 lower, uint4 x, uint32_t) {
  multiply_f16(sums, upper.y, lower.y, upper.w, lower.w, x.x, x.z);
  multiply_f16(sums, upper.x, lower.x, upper.z, lower.z, x.y, x.w);
  multiply_f16(sums, upper.x, lower.x, upper.z, lower.z, x.x, x.z);
  return sums;
}
