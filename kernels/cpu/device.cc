#include "device.h"

#include <stdlib.h>
#include <string.h>

#include <new>

#include "../common/status.h"
#include "instruction_sets.h"

namespace ct {
namespace {

constexpr uint32_t most_threads = 1024;
constexpr uint32_t names_bytes = 128;

// The supported instruction sets' names, separated by spaces.
void list_names(char (&names)[names_bytes]) {
  names[0] = 0;
  for (uint32_t i = 0; i < instruction_set_count; ++i) {
    if (!instruction_sets[i].is_supported()) continue;
    if (names[0]) strncat(names, " ", names_bytes - strlen(names) - 1);
    strncat(names, instruction_sets[i].kernels->name, names_bytes - strlen(names) - 1);
  }
}

const KernelTable* find_kernels(const char* name) {
  const bool best = !strcmp(name, "auto");
  for (uint32_t i = 0; i < instruction_set_count; ++i) {
    const InstructionSet& set = instruction_sets[i];
    if ((best || !strcmp(name, set.kernels->name)) && set.is_supported()) return set.kernels;
  }
  return nullptr;
}

}  // namespace

DeviceGuard::DeviceGuard(ct_device* device, const char* call, Access access) {
  if (!device) {
    set_error("%s: device is missing; pass what ct_device_open gave", call);
  } else if (device->in_use.exchange(true, std::memory_order_acquire)) {
    set_error("%s: device is in use by another thread; call from one at a time", call);
  } else if (device->closed && access == Access::open_device) {
    device->in_use.store(false, std::memory_order_release);
    set_error("%s: device is closed; open another", call);
  } else {
    device_ = device;
  }
}

DeviceGuard::~DeviceGuard() {
  if (device_) device_->in_use.store(false, std::memory_order_release);
}

void release_device(ct_device* device) {
  if (device->references.fetch_sub(1) != 1) return;
  device->~ct_device();
  free(device);
}

}  // namespace ct

using namespace ct;

extern "C" {

uint32_t ct_version(void) { return 3; }

uint32_t ct_last_error(char* text, uint32_t capacity) {
  return copy_text(last_error(), text, capacity);
}

uint32_t ct_instruction_sets(char* text, uint32_t capacity) {
  char names[names_bytes];
  list_names(names);
  return copy_text(names, text, capacity);
}

ct_device* ct_device_open(const char* instruction_set, uint32_t threads) {
  if (!instruction_set) {
    set_error("ct_device_open: instruction_set is missing; pass \"auto\" or a name");
    return nullptr;
  }
  const KernelTable* kernels = find_kernels(instruction_set);
  if (!kernels) {
    char names[names_bytes];
    list_names(names);
    set_error("ct_device_open: instruction_set is \"%.40s\" but there is %s; pass \"auto\" or one "
              "of these",
              instruction_set, names);
    return nullptr;
  }
  if (threads > most_threads) {
    set_error("ct_device_open: threads is %u; pass at most %u", threads, most_threads);
    return nullptr;
  }
  void* memory = malloc(sizeof(ct_device));
  if (!memory) {
    set_error("ct_device_open: out of memory; free some");
    return nullptr;
  }
  ct_device* device = new (memory) ct_device;
  device->kernels = kernels;
  if (device->pool.start(threads ? threads : physical_cores())) return device;
  release_device(device);
  return nullptr;
}

int32_t ct_device_close(ct_device* device) {
  {
    DeviceGuard guard(device, "ct_device_close");
    if (!guard) return -1;
    device->closed = true;
    device->pool.stop();
  }
  release_device(device);
  return 0;
}

uint32_t ct_device_describe(ct_device* device, char* text, uint32_t capacity) {
  DeviceGuard guard(device, "ct_device_describe");
  return guard ? copy_text(device->kernels->name, text, capacity) : copy_text("", text, capacity);
}

uint32_t ct_device_threads(ct_device* device) {
  DeviceGuard guard(device, "ct_device_threads");
  return guard ? device->pool.threads() : 0;
}

}  // extern "C"
