#include "recording.h"

#include <string.h>

#include "../common/backend.h"
#include "../common/device.h"
#include "../common/recording.h"
#include "../common/status.h"
#include "../gpu/host/launch_list.h"

namespace ct {
namespace {

// Scratch that an operator asked for when so many launches had been recorded.
struct Scratch {
  uint64_t launches;
  void* memory;
  uint64_t bytes;
};

struct EmulatorRecording : ct_recording {
  LaunchList launches;
  List<Scratch> scratch;
};

EmulatorRecording& emulator(ct_recording* recording) {
  return *static_cast<EmulatorRecording*>(recording);
}

}  // namespace

const bool can_record = true;

ct_recording* begin_recording(ct_device*) { return make_recording<EmulatorRecording>(); }

bool end_recording(ct_recording*) { return true; }

// As operator by operator, which spoils the scratch of each.
bool replay_recording(ct_recording* recording) {
  const EmulatorRecording& self = emulator(recording);
  const List<Scratch>& scratch = self.scratch;
  uint64_t done = 0;
  const Scratch* next = scratch.begin();
  return self.launches.for_each([&](const char* call, const Launch& kept) {
    for (; next != scratch.end() && next->launches == done; ++next) {
      spoil_scratch(next->memory, next->bytes);
    }
    ++done;
    return launch(recording->device, call, kept);
  });
}

void finish_recording(ct_recording*) {}

void destroy_recording(ct_recording* recording) { delete_recording<EmulatorRecording>(recording); }

bool add_launch(ct_recording* recording, const char* call, const Launch& launch) {
  return emulator(recording).launches.add(call, launch);
}

void* add_scratch(ct_recording* recording, const char* call, void* scratch, uint64_t bytes) {
  EmulatorRecording& self = emulator(recording);
  if (self.scratch.add({self.launches.count(), scratch, bytes})) return scratch;
  fail_memory("%s: out of memory to record; free some", call);
  return nullptr;
}

void spoil_scratch(void* scratch, uint64_t bytes) { memset(scratch, 0xff, bytes); }

}  // namespace ct
