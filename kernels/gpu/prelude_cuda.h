// The words of kernels for CUDA. Every prelude defines the same:
//   KERNEL(name, Sizes, buffers) begins a kernel, which finds its Sizes as `sizes`
//   BUFFER(index, type, name)    a parameter in the device's memory
//   GLOBAL(type)                 a pointer into it
//   SHARED(type, name, count)    an array that a block shares, in a kernel's outermost braces
//   SHARED_POINTER(type)         a pointer into one
//   SIZES(type)                  a reference to sizes or to a part of them
//   DEVICE, CONSTANT             before what kernels call, and constants
//   UNROLL                       before a loop whose count is constant
//   THREAD, BLOCK_X, _Y, _Z      where a thread is; in kernels only
// and barrier(), shuffle_xor(), the bits of floats, multiply_add(), load_words4(), dot_bytes() and
// tile_products() below, and the functions of <cmath> for floats. Build without contraction and
// without fast mathematics: only multiply_add() may fuse.
#pragma once
#include <stdint.h>

#define KERNEL(name, Sizes, ...) \
  extern "C" __global__ void ct_##name(const __grid_constant__ Sizes sizes, __VA_ARGS__)
#define BUFFER(index, type, name) type* name
#define GLOBAL(type) type*
#define SHARED(type, name, count) __shared__ type name[count]
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

// 16 bytes, read at once.
struct Words4 {
  uint32_t at[4];
};

// The 16 bytes at `from`, which is a multiple of 16.
template <typename T>
DEVICE Words4 load_words4(GLOBAL(const T) from) {
  const uint4 words = *reinterpret_cast<const uint4*>(from);
  return {{words.x, words.y, words.z, words.w}};
}

// sum + the products of the four bytes, which are signed.
DEVICE int32_t dot_bytes(uint32_t x, uint32_t y, int32_t sum) {
  return __dp4a(int32_t(x), int32_t(y), sum);
}

#include "tile_products.h"

// sums + the products of 32 bytes of each row, as plain_tile_products(); of all lanes of a warp.
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
