#include "instruction_sets.h"

#include <stdio.h>
#include <unistd.h>

#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace ct {

#if defined(__x86_64__)

namespace avx512vnni {
extern const KernelTable kernels;
}
namespace avx512 {
extern const KernelTable kernels;
}
namespace avx2 {
extern const KernelTable kernels;
}
namespace plain {
extern const KernelTable kernels;
}

namespace {

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

bool has_avx512vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }

bool is_baseline() { return true; }

}  // namespace

const InstructionSet instruction_sets[] = {{&avx512vnni::kernels, has_avx512vnni},
                                           {&avx512::kernels, has_avx512},
                                           {&avx2::kernels, has_avx2},
                                           {&plain::kernels, is_baseline}};

#elif defined(__aarch64__)

namespace neon {
extern const KernelTable kernels;
}

namespace {

bool is_baseline() { return true; }

}  // namespace

const InstructionSet instruction_sets[] = {{&neon::kernels, is_baseline}};

#else
#error "There are kernels for x86-64 and arm64 only."
#endif

const uint32_t instruction_set_count = sizeof instruction_sets / sizeof *instruction_sets;

namespace {

uint32_t processors() {
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? uint32_t(count) : 1;
}

}  // namespace

#if defined(__linux__)

namespace {

// The first number in a file of /sys/devices/system/cpu/cpu<cpu>/topology, or -1.
int topology(int cpu, const char* name) {
  char path[96];
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/%s", cpu, name);
  FILE* file = fopen(path, "re");
  if (!file) return -1;
  int value = -1;
  if (fscanf(file, "%d", &value) != 1) value = -1;
  fclose(file);
  return value;
}

}  // namespace

uint32_t physical_cores() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed)) return processors();
  int packages[CPU_SETSIZE], cores[CPU_SETSIZE];
  uint32_t count = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const int package = topology(cpu, "physical_package_id"), core = topology(cpu, "core_id");
    bool is_new = true;
    // Where the system does not tell, every processor counts as a core.
    for (uint32_t i = 0; core >= 0 && is_new && i < count; ++i) {
      is_new = packages[i] != package || cores[i] != core;
    }
    if (!is_new) continue;
    packages[count] = package;
    cores[count++] = core;
  }
  return count ? count : 1;
}

#elif defined(__APPLE__)

uint32_t physical_cores() {
  int count = 0;
  size_t size = sizeof count;
  if (sysctlbyname("hw.physicalcpu", &count, &size, nullptr, 0) || count < 1) return processors();
  return uint32_t(count);
}

#else

uint32_t physical_cores() { return processors(); }

#endif

}  // namespace ct
