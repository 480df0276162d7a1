#include "checksum.h"

#include <string.h>

#include "status.h"

namespace ct {
namespace {

constexpr uint32_t words = 8;  // sums side by side, as one would wait for its multiplications

// Each step can be undone, so what differed once differs to the end.
inline uint64_t mixed(uint64_t sum, uint64_t word) {
  const uint64_t both = sum ^ word;
  return (both << 29 | both >> 35) * 0x9e3779b97f4a7c15u;
}

uint64_t block_checksum(const unsigned char* data, uint64_t bytes) {
  uint64_t sums[words] = {};
  uint64_t line[words] = {};
  uint64_t i = 0;
  for (; i + sizeof line <= bytes; i += sizeof line) {
    memcpy(line, data + i, sizeof line);
    for (uint32_t w = 0; w < words; ++w) sums[w] = mixed(sums[w], line[w]);
  }
  memset(line, 0, sizeof line);
  memcpy(line, data + i, bytes - i);
  uint64_t total = bytes;
  for (uint32_t w = 0; w < words; ++w) total = mixed(total, mixed(sums[w], line[w]));
  return total;
}

}  // namespace

bool Checksum::add(ThreadPool& pool, const unsigned char* data, uint64_t bytes) {
  const uint64_t blocks = bytes / checksum_block + (bytes % checksum_block != 0);
  uint64_t* sums = static_cast<uint64_t*>(pool.shared(blocks * sizeof(uint64_t)));
  if (!sums) return fail_memory("ct_buffer_checksum: out of memory; free some");
  pool.run(uint32_t(blocks), [&](uint32_t block, uint32_t) {
    const uint64_t begin = block * checksum_block, left = bytes - begin;
    sums[block] = block_checksum(data + begin, left < checksum_block ? left : checksum_block);
  });
  for (uint64_t block = 0; block < blocks; ++block) total_ = mixed(total_, sums[block]);
  return true;
}

}  // namespace ct
