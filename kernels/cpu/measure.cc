// Measures the limits of a device.
#include <string.h>
#include <time.h>

#include "../common/backend.h"
#include "device.h"

namespace ct {
namespace {

constexpr uint32_t repetitions = 40;

double seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

}  // namespace

float measure_limit(ct_device* device, uint32_t limit, ct_buffer* memory) {
  ExerciseArgs args = {limit, nullptr, 0};
  if (limit == CT_LIMIT_READ) {
    // Pages that were never written share one of zeros.
    memset(memory->data, 1, memory->bytes);
    args.data = memory->data;
    args.bytes = memory->bytes;
  }
  double best = 0;
  for (uint32_t i = 0; i < repetitions; ++i) {
    const double start = seconds();
    const double work = kernels_of(device).exercise(device->pool, args);
    const double rate = work / (seconds() - start);
    best = rate > best ? rate : best;
  }
  return float(best / 1e9);
}

}  // namespace ct
