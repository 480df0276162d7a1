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
#define SHARED(type, name, count) threadgroup type name[count]
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

struct Words4 {
  uint32_t at[4];
};

template <typename T>
DEVICE Words4 load_words4(GLOBAL(const T) from) {
  const uint4 words = *reinterpret_cast<GLOBAL(const uint4)>(from);
  return {{words.x, words.y, words.z, words.w}};
}

DEVICE int32_t dot_bytes(uint32_t x, uint32_t y, int32_t sum) {
  for (uint32_t shift = 0; shift < 32; shift += 8) sum += int8_t(x >> shift) * int8_t(y >> shift);
  return sum;
}

#include "tile_products.h"

DEVICE TileSums tile_products(TileSums sums, SHARED_POINTER(uint32_t) x, SHARED_POINTER(uint32_t) y,
                              uint32_t stride, uint32_t lane) {
  return plain_tile_products(sums, x, y, stride, lane);
}
