// What every backend's device begins with, and who is using it.
#pragma once
#include <stdint.h>

#include <atomic>

#include "../include/contrail.h"
#include "thread_pool.h"

struct ct_device {
  std::atomic<uint32_t> references{1};  // the handle and each buffer
  std::atomic<bool> in_use{false};
  bool closed = false;
  const char* name = nullptr;  // of its instruction set
  ct_recording* recording = nullptr;  // that calls go to
  ct_buffer* scratch = nullptr;  // where a GPU's operators keep what is between their kernels
  ct::ThreadPool pool;
};

namespace ct {

// The states of a device that a call bears: open and not recording, also recording, also closed, or
// closed but not recording.
enum class Access { open_device, recording_device, any_device, idle_device };

// Holds a device for one call. Where it cannot be had, tests as false and the error is set.
class DeviceGuard {
 public:
  DeviceGuard(ct_device* device, const char* call, Access access = Access::open_device);
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;
  explicit operator bool() const { return device_ != nullptr; }

 private:
  ct_device* device_ = nullptr;
};

// Gives up one reference; no guard on the device may be held.
void release_device(ct_device* device);

}  // namespace ct
