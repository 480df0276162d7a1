// Recordings are lists of launches, which are written into commands anew: Metal has no graphs.
#include "recording.h"

#include "../common/backend.h"
#include "../common/recording.h"
#include "../gpu/host/launch_list.h"
#include "device.h"

namespace ct {
namespace {

struct MetalRecording : ct_recording {
  LaunchList launches;
};

MetalRecording& metal(ct_recording* recording) { return *static_cast<MetalRecording*>(recording); }

}  // namespace

const bool can_record = true;

ct_recording* begin_recording(ct_device*) { return make_recording<MetalRecording>(); }

bool end_recording(ct_recording*) { return true; }

bool replay_recording(ct_recording* recording) {
  return metal(recording).launches.for_each([&](const char* call, const Launch& kept) {
    return launch(recording->device, call, kept);
  });
}

// Commands hold the buffers that they use until they are done.
void finish_recording(ct_recording*) {}

void destroy_recording(ct_recording* recording) { delete_recording<MetalRecording>(recording); }

bool add_launch(ct_recording* recording, const char* call, const Launch& launch) {
  return metal(recording).launches.add(call, launch);
}

}  // namespace ct
