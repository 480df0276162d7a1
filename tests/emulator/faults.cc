// Kernels that do what a kernel must not, and a few that are right, on the emulator: prints a line
// for each run, "name: what came of it".
#include <stdio.h>

#include "../../kernels/emulator/program.h"
#include "../../kernels/gpu/prelude_emulator.h"

namespace {

constexpr uint32_t threads = 64;

struct NoSizes {
  uint32_t unused;
};

KERNEL(past_end, NoSizes, BUFFER(0, float, out)) { out[THREAD + 1] = 1.0f; }

KERNEL(before_begin, NoSizes, BUFFER(0, float, out)) { (out + 4)[uint64_t(THREAD) - 8] = 1.0f; }

KERNEL(past_shared_end, NoSizes, BUFFER(0, float, out)) {
  SHARED(float, parts, threads / 2);
  parts[THREAD] = 1.0f;
  out[THREAD] = parts[THREAD];
}

KERNEL(askew_shared, NoSizes, BUFFER(0, float, out)) {
  SHARED(float, parts, threads + 4);
  out[THREAD] = float_of(load_wide(parts + (THREAD + 1)).x);
}

KERNEL(too_much_shared, NoSizes, BUFFER(0, float, out)) {
  SHARED(float, tile, 9000);
  out[THREAD] = tile[THREAD];
}

KERNEL(divergent_barrier, NoSizes, BUFFER(0, float, out)) {
  if (THREAD % 2) barrier();
  out[THREAD] = 1.0f;
}

KERNEL(two_barriers, NoSizes, BUFFER(0, float, out)) {
  if (THREAD < 32) {
    barrier();
  } else {
    barrier();
  }
  out[THREAD] = 1.0f;
}

KERNEL(divergent_shuffle, NoSizes, BUFFER(0, float, out)) {
  if (THREAD != 40) out[THREAD] = shuffle_xor(1.0f, 1);
}

KERNEL(unwritten_shared, NoSizes, BUFFER(0, float, out)) {
  SHARED(float, parts, threads);
  out[THREAD] = parts[THREAD];
}

// Each thread takes what one of the other warp wrote.
KERNEL(swapped, NoSizes, BUFFER(0, float, out)) {
  SHARED(float, parts, threads);
  parts[THREAD] = float(THREAD);
  barrier();
  out[THREAD] = parts[THREAD ^ 32];
}

KERNEL(swapped_too_soon, NoSizes, BUFFER(0, float, out)) {
  SHARED(float, parts, threads);
  parts[THREAD] = float(THREAD);
  out[THREAD] = parts[THREAD ^ 32];
}

KERNEL(warp_sums, NoSizes, BUFFER(0, float, out)) {
  float x = float(THREAD);
  for (uint32_t mask = 16; mask > 0; mask /= 2) x += shuffle_xor(x, mask);
  out[THREAD] = x;
}

float memory[threads];

// The elements after a run, or the error.
void run(const ct::Program& program, uint64_t seed) {
  for (float& x : memory) x = 0.0f;
  static ct::Block block;
  if (!block.reserve()) return;
  const NoSizes sizes{};
  const ct::KernelBuffer buffer = {memory, sizeof memory};
  const ct::Launch launch = {ct::Kernel(0), {1, 1, 1, threads}, &sizes, sizeof sizes, &buffer, 1};
  printf("%s: ", program.name);
  if (!block.run(program, launch, {0, 0, 0}, seed)) {
    printf("%s\n", block.error());
    return;
  }
  for (float x : memory) printf("%g ", double(x));
  printf("\n");
}

#define PROGRAM(name) ct::program_of(#name, kernel_##name)

}  // namespace

int main() {
  for (const ct::Program& program :
       {PROGRAM(past_end), PROGRAM(before_begin), PROGRAM(past_shared_end),
        PROGRAM(askew_shared), PROGRAM(too_much_shared), PROGRAM(divergent_barrier),
        PROGRAM(two_barriers), PROGRAM(divergent_shuffle), PROGRAM(unwritten_shared)}) {
    run(program, 1);
  }
  for (const ct::Program& program :
       {PROGRAM(swapped), PROGRAM(swapped_too_soon), PROGRAM(warp_sums)}) {
    for (uint64_t seed = 1; seed <= 8; ++seed) run(program, seed);
    run(program, 8);
  }
}
