#include "cores.h"

#include <stdio.h>
#include <unistd.h>

#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace ct {
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
