// What is read once comes from memory, and the processor's own prefetching starts anew with each
// run of rows. So kernels ask for what they need later, as far as the second cache: asking for it
// in the first one was measured to be slower than not asking, see docs/performance.md. All of this
// has to be inlined: GCC leaves out calls of functions that do nothing else.
#pragma once
#include <stdint.h>

#include "../common/arguments.h"
#include "split.h"

namespace ct {
namespace CT_TARGET {

constexpr uint64_t prefetch_distance = 16 * 1024;

// Bytes from a tile to the first one that is far enough ahead; tiles follow each other in memory.
inline uint64_t prefetch_ahead(uint64_t tile_bytes) {
  return tile_bytes ? divide_up(prefetch_distance, tile_bytes) * tile_bytes : 0;
}

// Asks for a line. An address past the end of the weights does nothing.
CT_ALWAYS_INLINE void prefetch(uintptr_t address) {
  __builtin_prefetch(reinterpret_cast<const void*>(address), 0, 2);
}

// Asks for the lines that `count` floats will be written to: rows of a result lie so far apart that
// each is a line which no cache has.
CT_ALWAYS_INLINE void prefetch_to_write(const float* begin, uint32_t count) {
  constexpr uint32_t line = 16;
  for (uint32_t i = 0; i < count; i += line) __builtin_prefetch(begin + i, 1, 2);
}

// Asks for the lines that hold `bytes` bytes.
CT_ALWAYS_INLINE void prefetch_bytes(const void* begin, uint64_t bytes) {
  constexpr uint64_t line = 64;
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin);
  for (uintptr_t at = first - first % line; at < first + bytes; at += line) prefetch(at);
}

}  // namespace CT_TARGET
}  // namespace ct
