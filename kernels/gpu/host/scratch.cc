#include "scratch.h"

#include "../../common/buffer.h"
#include "../../common/recording.h"
#include "../../common/status.h"

namespace ct {
namespace {

constexpr uint64_t scratch_step = 1024 * 1024;

// Gives the scratch up first: the new one may need its memory.
bool grow_scratch(ct_device* device, const char* call, uint64_t bytes) {
  if (device->recording) {
    return fail("%s: needs %llu bytes of scratch, which is not made while a device is recording; "
                "run it once before",
                call, (unsigned long long)bytes);
  }
  if (device->scratch && drop_buffer(device->scratch)) device->references.fetch_sub(1);
  const uint64_t wanted = (bytes + scratch_step - 1) / scratch_step * scratch_step;
  device->scratch = make_buffer(device, call, " of scratch", wanted);
  return device->scratch != nullptr;
}

}  // namespace

void* reserve_scratch(ct_device* device, const char* call, uint64_t bytes) {
  const bool is_enough = device->scratch && device->scratch->bytes >= bytes;
  if (!is_enough && !grow_scratch(device, call, bytes)) return nullptr;
  if (device->recording && !hold_buffer(device->recording, call, device->scratch)) return nullptr;
  return device->scratch->data;
}

}  // namespace ct
