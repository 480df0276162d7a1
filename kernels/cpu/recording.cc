// The CPU has nothing to gain from a recording: a call costs it next to nothing.
#include "../common/backend.h"
#include "../common/status.h"

namespace ct {

const bool can_record = false;

ct_recording* begin_recording(ct_device*) {
  set_error("ct_record_begin: this device runs operators eagerly; call them each time");
  return nullptr;
}

// Of recordings, which there are none of.
bool end_recording(ct_recording*) { return false; }
bool replay_recording(ct_recording*) { return false; }
void finish_recording(ct_recording*) {}
void destroy_recording(ct_recording*) {}

}  // namespace ct
