// Numbers, and what the threads of a warp or a block make of them together. A prelude stands
// before.
#pragma once

struct bf16 {
  uint16_t bits;
};

CONSTANT uint32_t warp_size = 32;
CONSTANT uint32_t block_size = 128;  // threads, where a kernel does not say otherwise
CONSTANT uint32_t block_warps = block_size / warp_size;

DEVICE float infinity() { return float_of(0x7f800000u); }
DEVICE float greater(float x, float y) { return x > y ? x : y; }

DEVICE float to_float(float x) { return x; }
DEVICE float to_float(bf16 x) { return float_of(uint32_t(x.bits) << 16); }

DEVICE float sigmoid(float x) { return 1.0f / (1.0f + exp(-x)); }
DEVICE float silu(float x) { return x / (1.0f + exp(-x)); }

// Every lane gets the sum over the warp, in an order that is always the same.
DEVICE float warp_sum(float x) {
  for (uint32_t mask = warp_size / 2; mask > 0; mask /= 2) x += shuffle_xor(x, mask);
  return x;
}

DEVICE float warp_greatest(float x) {
  for (uint32_t mask = warp_size / 2; mask > 0; mask /= 2) x = greater(x, shuffle_xor(x, mask));
  return x;
}

// Every thread of a block of block_size gets the sum over the block; `parts` has block_warps
// elements.
DEVICE float block_sum(float x, SHARED_POINTER(float) parts, uint32_t thread) {
  x = warp_sum(x);
  barrier();  // parts may still be read
  if (thread % warp_size == 0) parts[thread / warp_size] = x;
  barrier();
  float total = 0.0f;
  for (uint32_t warp = 0; warp < block_warps; ++warp) total += parts[warp];
  return total;
}
