#include "device.h"

#include "backend.h"
#include "buffer.h"
#include "cores.h"
#include "status.h"

namespace ct {
namespace {

constexpr uint32_t most_threads = 1024;

bool bears_closed(Access access) {
  return access == Access::any_device || access == Access::idle_device;
}

bool bears_recording(Access access) {
  return access == Access::recording_device || access == Access::any_device;
}

}  // namespace

DeviceGuard::DeviceGuard(ct_device* device, const char* call, Access access) {
  if (!device) {
    set_error("%s: device is missing; pass what ct_device_open gave", call);
  } else if (device->in_use.exchange(true, std::memory_order_acquire)) {
    set_error("%s: device is in use by another thread; call from one at a time", call);
  } else if (device->closed && !bears_closed(access)) {
    device->in_use.store(false, std::memory_order_release);
    set_error("%s: device is closed; open another", call);
  } else if (device->recording && !bears_recording(access)) {
    device->in_use.store(false, std::memory_order_release);
    set_error("%s: device is recording, which takes operators alone; call ct_record_end first",
              call);
  } else {
    device_ = device;
  }
}

DeviceGuard::~DeviceGuard() {
  if (device_) device_->in_use.store(false, std::memory_order_release);
}

void release_device(ct_device* device) {
  if (device->references.fetch_sub(1) == 1) destroy_device(device);
}

}  // namespace ct

using namespace ct;

extern "C" {

uint32_t ct_version(void) { return 5; }

uint32_t ct_last_error(char* text, uint32_t capacity) {
  return copy_text(last_error(), text, capacity);
}

uint32_t ct_last_status(void) { return last_status(); }

uint32_t ct_instruction_sets(char* text, uint32_t capacity) {
  char names[names_bytes];
  list_instruction_sets(names);
  return copy_text(names, text, capacity);
}

ct_device* ct_device_open(const char* instruction_set, uint32_t threads) {
  if (!instruction_set) {
    set_error("ct_device_open: instruction_set is missing; pass \"auto\" or a name");
    return nullptr;
  }
  if (threads > most_threads) {
    set_error("ct_device_open: threads is %u; pass at most %u", threads, most_threads);
    return nullptr;
  }
  ct_device* device = nullptr;
  switch (make_device(&device, instruction_set)) {
    case Opening::unknown:
      char names[names_bytes];
      list_instruction_sets(names);
      set_error("ct_device_open: instruction_set is \"%.40s\" but there is %s; pass \"auto\" or "
                "one of these",
                instruction_set, names);
      return nullptr;
    case Opening::no_memory:
      fail_memory("ct_device_open: out of memory; free some");
      return nullptr;
    case Opening::failed:
      return nullptr;
    case Opening::made:
      break;
  }
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
    if (device->scratch && drop_buffer(device->scratch)) device->references.fetch_sub(1);
    device->scratch = nullptr;
  }
  release_device(device);
  return 0;
}

uint32_t ct_device_describe(ct_device* device, char* text, uint32_t capacity) {
  DeviceGuard guard(device, "ct_device_describe", Access::recording_device);
  return copy_text(guard ? device->name : "", text, capacity);
}

uint32_t ct_device_threads(ct_device* device) {
  DeviceGuard guard(device, "ct_device_threads", Access::recording_device);
  return guard ? device->pool.threads() : 0;
}

uint64_t ct_device_memory(ct_device* device) {
  DeviceGuard guard(device, "ct_device_memory", Access::recording_device);
  return guard ? memory_left(device) : 0;
}

float ct_device_measure(ct_device* device, uint32_t limit, ct_buffer* memory) {
  DeviceGuard guard(device, "ct_device_measure");
  if (!guard) return -1;
  if (limit > CT_LIMIT_INT8) {
    set_error("ct_device_measure: limit is %u; pass one of CT_LIMIT_*", limit);
    return -1;
  }
  if (limit == CT_LIMIT_READ && (!memory || !memory->bytes)) {
    set_error("ct_device_measure: memory is missing; pass a buffer larger than any cache");
    return -1;
  }
  return measure_limit(device, limit, memory);
}

}  // extern "C"
