#include "recording.h"

#include "backend.h"
#include "buffer.h"
#include "device.h"
#include "status.h"

using namespace ct;

namespace {

// Gives a recording up, but for its reference to the device; returns how many references to the
// device are to be given up.
uint32_t drop_recording(ct_recording* recording) {
  uint32_t references = 1;
  const auto& held = recording->held;
  finish_recording(recording);
  for (ct_buffer* buffer : held) references += drop_buffer(buffer);
  destroy_recording(recording);
  return references;
}

void release_device(ct_device* device, uint32_t references) {
  for (; references; --references) ct::release_device(device);
}

ct_device* device_of(const ct_recording* recording, const char* call) {
  if (recording) return recording->device;
  set_error("%s: recording is missing; pass what ct_record_end gave", call);
  return nullptr;
}

}  // namespace

bool ct::hold_buffer(ct_recording* recording, const char* call, ct_buffer* buffer) {
  for (const ct_buffer* held : recording->held) {
    if (held == buffer) return true;
  }
  if (!recording->held.add(buffer)) {
    return fail_memory("%s: out of memory to record; free some", call);
  }
  buffer->references.fetch_add(1);
  return true;
}

extern "C" {

uint32_t ct_device_records(ct_device* device) {
  DeviceGuard guard(device, "ct_device_records", Access::recording_device);
  return guard && can_record;
}

int32_t ct_record_begin(ct_device* device) {
  DeviceGuard guard(device, "ct_record_begin");
  if (!guard) return -1;
  ct_recording* const recording = begin_recording(device);
  if (!recording) return -1;
  recording->device = device;
  device->references.fetch_add(1);
  device->recording = recording;
  return 0;
}

ct_recording* ct_record_end(ct_device* device) {
  uint32_t references;
  {
    DeviceGuard guard(device, "ct_record_end", Access::recording_device);
    if (!guard) return nullptr;
    ct_recording* const recording = device->recording;
    if (!recording) {
      set_error("ct_record_end: device is not recording; call ct_record_begin first");
      return nullptr;
    }
    device->recording = nullptr;
    if (end_recording(recording) && !recording->failed) return recording;
    if (recording->failed) {
      set_error("ct_record_end: a call failed while it was recorded; mend it and record again");
    }
    references = drop_recording(recording);
  }
  release_device(device, references);
  return nullptr;
}

uint32_t ct_recording_launches(ct_recording* recording) {
  ct_device* const device = device_of(recording, "ct_recording_launches");
  if (!device) return 0;
  DeviceGuard guard(device, "ct_recording_launches", Access::any_device);
  return guard ? uint32_t(recording->launch_count) : 0;
}

int32_t ct_recording_replay(ct_recording* recording) {
  ct_device* const device = device_of(recording, "ct_recording_replay");
  if (!device) return -1;
  DeviceGuard guard(device, "ct_recording_replay");
  return guard && replay_recording(recording) ? 0 : -1;
}

int32_t ct_recording_free(ct_recording* recording) {
  ct_device* const device = device_of(recording, "ct_recording_free");
  if (!device) return -1;
  uint32_t references;
  {
    DeviceGuard guard(device, "ct_recording_free", Access::idle_device);
    if (!guard) return -1;
    references = drop_recording(recording);
  }
  release_device(device, references);
  return 0;
}

}  // extern "C"
