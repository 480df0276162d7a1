// What a device can do at most, to hold measurements against: bytes that its threads read from
// memory, and operations of the kernels' own kinds that they do on what is in registers.
#include "kernel_table.h"
#include "packed_dot.h"
#include "simd.h"

namespace ct {
namespace CT_TARGET {

// Operations in flight: more than their latency times the units that do them.
constexpr uint32_t chains = 12;
constexpr uint32_t limit_steps = 1000000;
constexpr uint64_t read_block = 1024 * 1024;

// Makes the compiler believe that a value is used.
template <typename T>
inline void keep(const T& value) {
  asm volatile("" : : "m"(value) : "memory");
}

double read_all(ThreadPool& pool, const unsigned char* data, uint64_t bytes) {
  pool.run(uint32_t(bytes / read_block), [&](uint32_t block, uint32_t) {
    const unsigned char* from = data + block * read_block;
    IntVector sums[8] = {};
    for (uint64_t i = 0; i < read_block; i += sizeof sums) {
#pragma GCC unroll 8
      for (uint32_t j = 0; j < 8; ++j) sums[j] += load_codes(from + i + j * sizeof(IntVector));
    }
    keep(sums);
  });
  return double(bytes / read_block * read_block);
}

double multiply_floats(ThreadPool& pool) {
  pool.run(pool.threads(), [&](uint32_t, uint32_t) {
    Vector sums[chains];
    const Vector factor = splat(0.9999f), term = splat(1e-3f);
    for (uint32_t i = 0; i < chains; ++i) sums[i] = splat(float(i));
    for (uint32_t step = 0; step < limit_steps; ++step) {
#pragma GCC unroll 12
      for (uint32_t i = 0; i < chains; ++i) sums[i] = multiply_add(sums[i], factor, term);
    }
    keep(sums);
  });
  return 2.0 * lanes * chains * limit_steps * pool.threads();
}

double multiply_codes(ThreadPool& pool) {
  pool.run(pool.threads(), [&](uint32_t, uint32_t) {
    const int8_t four[4] = {1, 2, 3, 4};
    const Quad x = load_quad(four);
    IntVector sums[chains];
    // Chains that are the same, or codes that are known, would be multiplied once.
    for (uint32_t i = 0; i < chains; ++i) sums[i] = splat_integer(int32_t(i));
    for (uint32_t step = 0; step < limit_steps; ++step) {
#pragma GCC unroll 12
      for (uint32_t i = 0; i < chains; ++i) sums[i] = dot<Code8>(sums[i], sums[i], x);
    }
    keep(sums);
  });
  return 8.0 * lanes * chains * limit_steps * pool.threads();
}

double exercise(ThreadPool& pool, const ExerciseArgs& args) {
  if (args.limit == CT_LIMIT_READ) return read_all(pool, args.data, args.bytes);
  return args.limit == CT_LIMIT_F32 ? multiply_floats(pool) : multiply_codes(pool);
}

}  // namespace CT_TARGET
}  // namespace ct
